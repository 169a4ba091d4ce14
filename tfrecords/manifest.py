"""The manifest: what a dataset holds, down to the bytes of each shard. Written last."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any, Self

from tfrecords import exits, names

FORMAT_VERSION = 1


@dataclasses.dataclass(frozen=True)
class Shard:
    """One file of records."""

    name: str
    records: int
    bytes: int
    sha256: str

    def __post_init__(self) -> None:
        if self.records < 1 or self.bytes < 1 or len(self.sha256) != 64:
            raise ValueError(f"A shard must hold records. Received: {self}.")


@dataclasses.dataclass(frozen=True)
class Split:
    """One split: its shards in order, and per target the number of examples of each class."""

    shards: tuple[Shard, ...]
    counts: Mapping[str, Mapping[str, int]]

    @property
    def num_examples(self) -> int:
        """The number of records of all shards."""
        return sum(shard.records for shard in self.shards)

    def __post_init__(self) -> None:
        for target, counts in self.counts.items():
            if sum(counts.values()) != self.num_examples:
                raise ValueError(
                    f"The counts of target {target!r} must add up to the {self.num_examples} "
                    f"records of the shards. Received: {dict(counts)}."
                )


@dataclasses.dataclass(frozen=True)
class Target:
    """What can be learnt: the class names in the order of their indices.

    `positive` is the class that a binary classifier's probability speaks of, if there is one.
    """

    class_names: tuple[str, ...]
    positive: str | None = None

    def __post_init__(self) -> None:
        if len(self.class_names) < 2 or len(set(self.class_names)) < len(self.class_names):
            raise ValueError(f"A target needs two or more different classes. Received: {self}.")
        if self.positive is not None and self.positive not in self.class_names:
            raise ValueError(f"The positive class must be one of the classes. Received: {self}.")


@dataclasses.dataclass(frozen=True)
class Manifest:
    """All that is known of a dataset.

    Attributes:
      dataset: its name, as `tfds.load` takes it.
      version: its version, such as `1.0.0`; also the name of its directory.
      targets: by feature name, what can be learnt.
      attributes: names of the further text features of each record.
      splits: by name, in the order train, validation, test.
      image_size: the longest short side of an image, in pixels.
      plan_digest: the hash of everything that determines the shards.
      command: the command that built it, and that builds it again.
      options: the build's options, by name.
      listed: the number of source files that were found, or that the source names; each was
        written, rejected, or dropped as a duplicate of another one. In place of a video that shows
        faces its faces are counted.
      duplicates: the number of files dropped as exact copies.
      rejects: by reason, the number of files rejected.
      code_version: the version of the software that built it.
      near_duplicates: of the pictures that look alike the number of `groups`, and of `images` in
        them; the images of a group share a `group_id`.
    """

    dataset: str
    version: str
    targets: Mapping[str, Target]
    attributes: tuple[str, ...]
    splits: Mapping[str, Split]
    image_size: int
    plan_digest: str
    command: str
    options: Mapping[str, Any]
    listed: int
    duplicates: int
    rejects: Mapping[str, int]
    code_version: str
    near_duplicates: Mapping[str, int] = dataclasses.field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    @property
    def num_examples(self) -> int:
        """The number of records of all splits."""
        return sum(split.num_examples for split in self.splits.values())

    def __post_init__(self) -> None:
        accounted = self.num_examples + self.duplicates + sum(self.rejects.values())
        if accounted != self.listed:
            raise ValueError(
                f"Each of the {self.listed} listed files must be written, rejected or a "
                f"duplicate. Received: written={self.num_examples}, "
                f"rejected={dict(self.rejects)}, duplicates={self.duplicates}."
            )

    def to_json(self) -> str:
        """Returns the manifest's text, the same for the same content."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads what `to_json` wrote.

        Raises:
          KeyError, TypeError, ValueError: the text is not a whole manifest of this format.
        """
        fields = json.loads(text)
        version = fields["format_version"]
        if version != FORMAT_VERSION:
            raise ValueError(
                f"its format version is {version!r} and this software reads {FORMAT_VERSION}"
            )
        fields["targets"] = {
            name: Target(tuple(target["class_names"]), target["positive"])
            for name, target in fields["targets"].items()
        }
        fields["splits"] = {
            name: Split(tuple(Shard(**shard) for shard in split["shards"]), split["counts"])
            for name, split in fields["splits"].items()
        }
        fields["attributes"] = tuple(fields["attributes"])
        return cls(**fields)


def write(manifest: Manifest, directory: pathlib.Path) -> None:
    """Writes `manifest.json` whole or not at all: a temporary file, synced and renamed."""
    temporary = directory / f".{names.MANIFEST}.{os.getpid()}"
    with temporary.open("w", encoding="utf-8") as file:
        file.write(manifest.to_json())
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(directory / names.MANIFEST)


def read(directory: pathlib.Path) -> Manifest:
    """Reads the manifest of `directory`.

    Raises:
      DataError: it is absent, damaged or of another format version.
    """
    path = directory / names.MANIFEST
    try:
        return Manifest.from_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise exits.DataError(_no_dataset(directory)) from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise exits.DataError(
            f"{path} cannot be read: {reason}. Build the dataset again with "
            "python -m data_pipeline.build --overwrite and its other flags, "
            "or use the version of this software that built it."
        ) from error


def _no_dataset(directory: pathlib.Path) -> str:
    found = (path.parent.name for path in directory.glob(f"*/{names.MANIFEST}"))
    versions = sorted(filter(names.is_version, found), key=names.version_key)
    if versions:
        return (
            f"{directory} is not the directory of a dataset's version, but holds "
            f"{', '.join(versions)}. Name one of them: {directory / versions[-1]}."
        )
    return (
        f"{directory} is no dataset: it has no {names.MANIFEST}, which a build writes last. "
        "Build it with python -m data_pipeline.build."
    )
