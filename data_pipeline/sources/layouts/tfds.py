"""Any image classification set that TensorFlow Datasets prepared."""

import collections
import pathlib
from collections.abc import Iterator, Mapping, Sequence

from data_pipeline.references import NO_LABEL, UNREADABLE, Listing, Reference, Reject, plain
from data_pipeline.sources import prepared_tfds
from data_pipeline.sources.class_folders import SPLITS
from data_pipeline.sources.layouts import labels
from data_pipeline.sources.layouts.options import SourceOptions, needed
from data_pipeline.sources.locations import File, RecordImage
from data_pipeline.sources.prepared_tfds import Prepared, Shard
from tfrecords import example, exits, framing, schema
from tfrecords.manifest import Target

_OURS = (schema.IMAGE, schema.IMAGE_ID, schema.GROUP_ID, schema.HEIGHT, schema.WIDTH)
_Features = Mapping[str, list[bytes] | list[int] | list[float]]


def tfds(source: pathlib.Path | None, options: SourceOptions) -> Listing:
    """Returns the images of a directory of TensorFlow Datasets, each in its record.

    A single class feature is the target `label`, several keep their names; texts are attributes. An
    image is called after its shard and its place in it.

    Raises:
      UsageError: no source was given, or there is no feature of the name of the group's.
      DataError: see `prepared_tfds.open_directory`; or no record of a split is there.
    """
    source = needed(source, "tfds")
    prepared = prepared_tfds.open_directory(source)
    reader = _Reader(prepared, source, options.group_column)
    found: list[Reference | Reject] = []
    for shard in prepared.shards:
        if shard.split.lower() in SPLITS and shard.path.is_file():
            found += reader.read(shard)
    listed = [item for item in found if isinstance(item, Reference)]
    if not listed:
        raise exits.DataError(
            f"--source={source}: no record with a label is there. Expected such as "
            f"{prepared.shards[0].path.name if prepared.shards else 'NAME-train.tfrecord-*'}."
        )
    return Listing(
        references=tuple(sorted(listed, key=lambda reference: reference.image_id)),
        rejects=tuple(item for item in found if isinstance(item, Reject)),
        targets=reader.targets,
        notes=tuple(_notes(prepared, found)),
    )


class _Reader:
    """Makes references of the records of a data set."""

    def __init__(self, prepared: Prepared, source: pathlib.Path, group_column: str | None):
        self._image = prepared.image
        self._group_column = group_column
        self._names = {name: name for name in prepared.classes}  # of targets, by features
        if len(prepared.classes) == 1:
            self._names = dict.fromkeys(prepared.classes, schema.LABEL)
        self._indices: dict[str, list[int]] = {}
        self.targets: dict[str, Target] = {}
        for feature, class_names in prepared.classes.items():
            self._add_target(feature, class_names, source)
        taken = {*_OURS, *self.targets, *prepared.classes}
        self._texts = [name for name in prepared.texts if name not in taken]
        if group_column is not None and group_column not in prepared.texts:
            raise exits.UsageError(
                f"--group_column must name a text feature of {source}. "
                f"Received: {group_column!r}. Use one of: {', '.join(prepared.texts) or 'none'}."
            )

    def _add_target(self, feature: str, class_names: Sequence[str], source: pathlib.Path) -> None:
        labels.check_printable(class_names, source, "classes")
        lower = [name.lower() for name in class_names]
        ours = [
            small if small in schema.LABEL_NAMES and lower.count(small) == 1 else name
            for name, small in zip(class_names, lower, strict=True)
        ]
        if len(ours) < 2:
            raise exits.DataError(
                f"--source={source}: feature {plain(feature)} must have two or more classes. "
                f"Received: {', '.join(map(plain, ours)) or 'none'}."
            )
        target = labels.target(ours)
        self.targets[self._names[feature]] = target
        self._indices[feature] = [target.class_names.index(name) for name in ours]

    def read(self, shard: Shard) -> Iterator[Reference | Reject]:
        """Yields what becomes of each record of a shard."""
        status = shard.path.stat()
        file = File(str(shard.path.absolute()), status.st_size, status.st_mtime_ns)
        index = -1
        try:
            for index, offset in enumerate(framing.offsets(shard.path)):
                yield self._item(f"{shard.path.name}#{index}", shard, file, offset)
        except exits.DataError as error:
            lost = max(1, shard.records - index - 1)
            detail = f"{error} {lost:,} records cannot be read"
            yield Reject(f"{shard.path.name}#{index + 1}", UNREADABLE, detail)

    def _item(self, image_id: str, shard: Shard, file: File, offset: int) -> Reference | Reject:
        try:
            features: _Features = example.decode(framing.read_record(file.path, offset))
        except (exits.DataError, OSError) as error:
            return Reject(image_id, UNREADABLE, str(error))
        targets: dict[str, int] = {}
        for feature, indices in self._indices.items():
            values = features.get(feature, [])
            if len(values) != 1 or int(values[0]) == -1:  # TFDS writes -1 where there is no label
                return Reject(image_id, NO_LABEL, f"its record has no {plain(feature)}")
            if not 0 <= int(values[0]) < len(indices):
                detail = f"{plain(feature)} is {int(values[0])}, of {len(indices)} classes"
                return Reject(image_id, "unknown_label", detail)
            targets[self._names[feature]] = indices[int(values[0])]
        if len(features.get(self._image, [])) != 1:
            return Reject(image_id, "empty_file", f"its record has no {plain(self._image)}")
        group = _text(features, self._group_column) if self._group_column else ""
        return Reference(
            image_id=image_id,
            location=RecordImage(file, offset, self._image),
            targets=targets,
            group_id=group or image_id,
            split=SPLITS[shard.split.lower()],
            attributes={name: _text(features, name) for name in self._texts},
        )


def _text(features: _Features, name: str) -> str:
    values = features.get(name) or [b""]
    return bytes(values[0]).decode(errors="surrogateescape")  # type: ignore[arg-type]


def _notes(prepared: Prepared, found: Sequence[Reference | Reject]) -> Iterator[str]:
    there = collections.Counter(item.image_id.rpartition("#")[0] for item in found)
    expected: collections.Counter[str] = collections.Counter()
    present: collections.Counter[str] = collections.Counter()
    for shard in prepared.shards:
        expected[shard.split] += shard.records
        present[shard.split] += there[shard.path.name]
    for split, count in expected.items():
        if split.lower() not in SPLITS:
            yield f"Split {plain(split)} is left out: {count:,} records."
        elif present[split] < count:
            yield f"{plain(split)}: {present[split]:,} of {count:,} records."
