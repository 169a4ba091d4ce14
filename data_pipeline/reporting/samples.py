"""Some images of each class and split, from the shards of a dataset."""

import itertools
import pathlib
from collections.abc import Iterator

from tfrecords import dataset, example, framing, manifest, schema

CLASSES = 12  # of each target; of hundreds a page would have tens of megabytes
IMAGES = 8  # of each class and split
# Records of a split that are read to find them; they are shuffled, so that rare classes show up.
MAX_RECORDS = 8192

# By target, class name and split the JPEGs.
Samples = dict[str, dict[str, dict[str, list[bytes]]]]


def find(built: dataset.Dataset) -> Samples:
    """Returns by target, class name and split the first `IMAGES` images, as they are stored.

    They are those of the first `CLASSES` classes.

    Raises:
      DataError: a shard is damaged.
    """
    content = built.manifest
    found: Samples = {
        target: {
            name: {split: [] for split in content.splits} for name in info.class_names[:CLASSES]
        }
        for target, info in content.targets.items()
    }
    for split in content.splits:
        wanted = sum(
            min(IMAGES, content.splits[split].counts[target][name])
            for target, by_class in found.items()
            for name in by_class
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
        by_split = found[target].get(info.class_names[int(features[target][0])])
        if by_split and len(by_split[split]) < IMAGES:
            by_split[split].append(bytes(features[schema.IMAGE][0]))
            taken += 1
    return taken
