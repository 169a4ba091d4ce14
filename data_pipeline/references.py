"""What travels through the build in place of images: references, facts and rejects."""

import dataclasses
from collections.abc import Mapping

from data_pipeline.locations import Location
from tfrecords.manifest import Target

UNREADABLE = "unreadable"
CHANGED = "changed"


@dataclasses.dataclass(frozen=True)
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
    attributes: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Reject:
    """A file that does not go into the dataset: a reason of one word, and its values."""

    image_id: str
    reason: str
    detail: str

    @property
    def may_pass(self) -> bool:
        """Whether the next build should try again: the reason lay in the moment."""
        return self.reason in (UNREADABLE, CHANGED)


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a look at a file's header found; format "JPEG", "PNG" ...; sizes in bytes and pixels."""

    sha256: str
    num_bytes: int
    format: str
    mode: str
    width: int
    height: int


@dataclasses.dataclass(frozen=True)
class Listing:
    """All files of a source: those that may be images of a class, and the others.

    Attributes:
      references: in the order of their image_id.
      rejects: files whose place or name says already that they cannot be used.
      targets: what can be learnt.
      image_size: the largest short side that the source makes sense at, in pixels.
    """

    references: tuple[Reference, ...]
    rejects: tuple[Reject, ...]
    targets: Mapping[str, Target]
    image_size: int = 256

    @property
    def splits(self) -> set[str]:
        """The splits that the source has."""
        return {reference.split for reference in self.references if reference.split}
