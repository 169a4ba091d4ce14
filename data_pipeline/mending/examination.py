"""What is wrong with the shards of a dataset, down to the record."""

import collections
import dataclasses
import hashlib
import io
import pathlib
from collections.abc import Callable, Iterator, Mapping

from PIL import Image

from tfrecords import dataset, example, exits, names, salvage, schema, tfds_files
from tfrecords.manifest import Manifest, Shard


@dataclasses.dataclass(frozen=True)
class Damage:
    """One thing that is wrong with a file, mostly a shard.

    Attributes:
      file: its name.
      problem: what is wrong, after the file's or the record's name.
      index: of the record, as counted in the file, where each damaged place counts as one.
      image_id: of the record, if it could be read; of a record that fails its checksum, it may be
        what is damaged.
    """

    file: str
    problem: str
    index: int | None = None
    image_id: str | None = None


@dataclasses.dataclass(frozen=True)
class Examination:
    """What a shard holds.

    Attributes:
      shard: as the manifest has it.
      damages: what is wrong with it.
      num_readable: its records that can be read.
      counts: by target the number of those of each class index.
    """

    shard: Shard
    damages: tuple[Damage, ...]
    num_readable: int
    counts: Mapping[str, Mapping[int, int]]


def of_files(directory: pathlib.Path, content: Manifest) -> list[Damage]:
    """Returns what is wrong with the files of a dataset beside the shards of its manifest."""
    found = [
        Damage(name, "is not what the manifest says")
        for name, text in tfds_files.texts(content).items()
        if not _holds(directory / name, text)
    ]
    known = {shard.name for split in content.splits.values() for shard in split.shards}
    there = {path.name for path in directory.iterdir() if names.is_shard(path.name)}
    surplus = sorted(there - known)
    return found + [Damage(name, "is surplus: the manifest does not name it") for name in surplus]


def quick(directory: pathlib.Path, shard: Shard) -> list[Damage]:
    """Returns whether a shard is missing, empty or of another size than it should be."""
    problem = dataset.problem(directory / shard.name, shard)
    return [Damage(shard.name, problem)] if problem else []


def full(
    directory: pathlib.Path, content: Manifest, shard: Shard, count: Callable[[], object]
) -> Examination:
    """Reads a shard to its end: sha256, checksums, features, pictures.

    Args:
      directory: of the dataset.
      content: its manifest.
      shard: one of its shards.
      count: called for each record.
    """
    path = directory / shard.name
    num_readable = 0
    counts = {target: collections.Counter[int]() for target in content.targets}
    damages = quick(directory, shard)
    try:
        for found in _records(path, content, shard):
            count()
            if isinstance(found, Damage):
                damages.append(found)
                continue
            num_readable += 1
            for target, index in found.targets.items():
                counts[target][index] += 1
        if not damages and _sha256(path) != shard.sha256:
            damages.append(Damage(shard.name, "has another sha256 than the manifest says"))
    except FileNotFoundError:
        pass  # said already
    except OSError as error:
        damages.append(Damage(shard.name, f"cannot be read: {error.strerror}"))
    return Examination(shard, tuple(damages), num_readable, counts)


def readable(path: pathlib.Path, content: Manifest) -> Iterator[bytes]:
    """Yields the records of a shard that can be read, serialised."""
    for found in salvage.read_records(path):
        if isinstance(found, bytes) and isinstance(check(found, content), schema.Record):
            yield found


def check(serialized: bytes, content: Manifest) -> schema.Record | str:
    """Returns the record of a dataset, or what is wrong with it."""
    try:
        record = schema.Record.parse(serialized, content.targets, content.attributes)
    except ValueError as error:
        return f"does not hold what the manifest says: {error}"
    for name, index in record.targets.items():
        num_classes = len(content.targets[name].class_names)
        if not 0 <= index < num_classes:
            return f"has class {index} of target {name}, which has {num_classes}"
    try:
        # The checksum says that these are bytes that this project wrote.
        with Image.open(io.BytesIO(record.image), formats=("JPEG",)) as image:
            image.load()
            shape = (image.height, image.width, len(image.getbands()))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return f"has an image that cannot be decoded: {error}"
    if shape != (record.height, record.width, 3):
        return f"has an image of {shape}, and says {(record.height, record.width, 3)}"
    return record


def _records(
    path: pathlib.Path, content: Manifest, shard: Shard
) -> Iterator[schema.Record | Damage]:
    for index, found in enumerate(salvage.read_records(path)):
        if isinstance(found, salvage.Gap):
            where = f"{found.problem}, at byte {found.offset:,}"
            yield Damage(shard.name, where, index, _image_id(found.payload))
            continue
        record = check(found, content)
        if isinstance(record, str):
            yield Damage(shard.name, record, index, _image_id(found))
        else:
            yield record


def _image_id(payload: bytes) -> str | None:
    try:
        (image_id,) = example.decode(payload)[schema.IMAGE_ID]
        return image_id.decode() if isinstance(image_id, bytes) else None
    except (exits.DataError, KeyError, ValueError):
        return None


def _sha256(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _holds(path: pathlib.Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False
