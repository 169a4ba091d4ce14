"""What travels through the build in place of images: references, facts and rejects."""

import dataclasses
from collections.abc import Mapping

from data_pipeline import faults
from data_pipeline.sources.locations import Location
from tfrecords import names
from tfrecords.manifest import Target

UNREADABLE = "unreadable"
UNREADABLE_FOLDER = "unreadable_folder"
CHANGED = "changed"
LEAK = "leak"  # left out by wish
ABSENT = "absent"  # named by the source, and not there
NO_METADATA = "no_metadata"  # there, and nothing says its label
NO_LABEL = "no_label"  # there, without a class
LABEL_DISAGREES = "label_disagrees"
LOST = "lost"  # with a damaged shard, which was repaired without the source


_NOTHING: Mapping[str, str] = {}  # shared, as a large set has millions of references


def plain(text: str) -> str:
    """Returns text that strangers wrote, such as file names, as printable text on one line."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


@dataclasses.dataclass(frozen=True, slots=True)
class Reference:
    """A file of a source, of which nothing but its name is known.

    Attributes:
      image_id: its path relative to the source's root, `/` separated.
      location: where its bytes lie.
      targets: by name the class index.
      group_id: what must not straddle splits.
      split: where the source puts it: train, validation, test, or None.
      attributes: by name further text.
    """

    image_id: str
    location: Location
    targets: Mapping[str, int]
    group_id: str
    split: str | None = None
    attributes: Mapping[str, str] = dataclasses.field(default_factory=lambda: _NOTHING)


@dataclasses.dataclass(frozen=True, slots=True)
class Video(Reference):
    """A video, which becomes a reference for each face that is found in it.

    `original` is the image_id of the listed video that this one is a forgery of, if it is there.
    """

    original: str | None = None


@dataclasses.dataclass(frozen=True)
class Reject:
    """A file that does not go into the dataset: a reason of one word, and its values."""

    image_id: str
    reason: str
    detail: str

    @property
    def may_pass(self) -> bool:
        """Whether the next build should try again: the reason lay in the moment."""
        return self.reason in (UNREADABLE, UNREADABLE_FOLDER, CHANGED)

    @property
    def is_fault(self) -> bool:
        """Whether the file is bad, and not only left out by wish or missing in a partial copy."""
        return self.reason not in (LEAK, ABSENT, NO_METADATA, NO_LABEL)


def read(reference: Reference) -> bytes | Reject:
    """Returns the bytes of a file, or why they cannot be read."""
    try:
        faults.before("read")
        return reference.location.read()
    except OSError as error:
        return unreadable(reference, error)


def unreadable(reference: Reference, error: OSError) -> Reject:
    """Returns the reject of a file that could not be read."""
    return Reject(reference.image_id, UNREADABLE, error.strerror or str(error))


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """What a look at a file found; format "JPEG", "PNG" ...; sizes in bytes and pixels.

    `quality`, `subsampling`, `progressive`, `exif`: see `encoding.Encoding`.
    `red`, `green`, `blue`, `grey`: of a thumbnail, see `colours`.
    `sketch`: the row of what is large, see `sketches`; negative where there is none.
    """

    sha256: str
    num_bytes: int
    format: str
    mode: str
    width: int
    height: int
    quality: int | None = None
    subsampling: str = ""
    progressive: bool = False
    exif: bool = False
    red: float = 0
    green: float = 0
    blue: float = 0
    grey: float = 0
    sketch: int = dataclasses.field(default=-1, compare=False)


@dataclasses.dataclass(frozen=True)
class Listing:
    """All files of a source: those that may be images of a class, and the others.

    Attributes:
      references: in the order of their image_id.
      rejects: files whose place or name says already that they cannot be used.
      targets: what can be learnt.
      image_size: the largest short side that the source makes sense at, in pixels.
      notes: what a user should know of the source's shape, a sentence each.
    """

    references: tuple[Reference, ...]
    rejects: tuple[Reject, ...]
    targets: Mapping[str, Target]
    image_size: int = 256
    notes: tuple[str, ...] = ()

    @property
    def num_listed(self) -> int:
        """All files."""
        return len(self.references) + len(self.rejects)

    @property
    def videos(self) -> tuple[Video, ...]:
        """Those of the references that are videos: all or none."""
        return tuple(item for item in self.references if isinstance(item, Video))

    @property
    def attributes(self) -> tuple[str, ...]:
        """The names of the further texts of the references, which all have the same ones."""
        return tuple(sorted({name for item in self.references for name in item.attributes}))

    @property
    def splits(self) -> set[str]:
        """The splits that the source has."""
        return {reference.split for reference in self.references if reference.split}

    @property
    def absences(self) -> tuple[tuple[str, str, str], ...]:
        """Split, target and class wherever another split of the source has the class."""
        there = {
            (reference.split, target, index)
            for reference in self.references
            for target, index in reference.targets.items()
        }
        return tuple(
            (split, target, name)
            for split in names.SPLITS
            for target, info in self.targets.items()
            for index, name in enumerate(info.class_names)
            if split in self.splits and (split, target, index) not in there
        )
