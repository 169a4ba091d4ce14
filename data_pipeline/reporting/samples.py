"""Some images of each class and split, from the shards of a dataset."""

import itertools
import pathlib
from collections.abc import Iterator

from tfrecords import dataset, example, framing, manifest, schema

IMAGES = 8  # of each class and split
# Records of a split that are read to find them; they are shuffled, so that rare classes show up.
MAX_RECORDS = 8192

# By target, class name and split the JPEGs.
Samples = dict[str, dict[str, dict[str, list[bytes]]]]


def find(built: dataset.Dataset) -> Samples:
    """Returns by target, class name and split the first `IMAGES` images, as they are stored.

    Raises:
      DataError: a shard is damaged.
    """
    content = built.manifest
    found: Samples = {
        target: {name: {split: [] for split in content.splits} for name in info.class_names}
        for target, info in content.targets.items()
    }
    for split in content.splits:
        wanted = sum(
            min(IMAGES, number)
            for by_class in content.splits[split].counts.values()
            for number in by_class.values()
        )
        for features in itertools.islice(_records(built, split), MAX_RECORDS):
            wanted -= _take(features, content, split, found)
            if not wanted:
                break
    return found


def _records(built: dataset.Dataset, split: str) -> Iterator[dict]:
    for shard in built.manifest.splits[split].shards:
        for serialized in framing.read_records(pathlib.Path(built.directory) / shard.name):
            yield example.decode(serialized)


def _take(features: dict, content: manifest.Manifest, split: str, found: Samples) -> int:
    """Puts an image where it is wanted; returns in how many places."""
    taken = 0
    for target, info in content.targets.items():
        images = found[target][info.class_names[int(features[target][0])]][split]
        if len(images) < IMAGES:
            images.append(bytes(features[schema.IMAGE][0]))
            taken += 1
    return taken
