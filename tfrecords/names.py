"""The names of things in a dataset's directory, and the grammar of each."""

import re

SPLITS = ("train", "validation", "test")
MANIFEST = "manifest.json"
REJECTS = "rejects.jsonl"
STATISTICS = "statistics.json"
REPORT = "report.html"
PICTURES = "pictures"  # a folder: the pictures of the report
MAX_SHARDS = 99_999  # of a split; TensorFlow Datasets writes five digits

_DATASET = re.compile(r"[a-z][a-z0-9_]*")
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_SHARD = re.compile(r"(?P<stem>.+)\.tfrecord-(?P<index>\d{5})-of-(?P<count>\d{5})")


def is_dataset_name(name: str) -> bool:
    """Tells whether TensorFlow Datasets accepts `name`: lower case, digits, underscores."""
    return _DATASET.fullmatch(name) is not None


def is_version(name: str) -> bool:
    """Tells whether `name` is a version such as `1.0.0`."""
    return _VERSION.fullmatch(name) is not None


def version_key(version: str) -> tuple[int, ...]:
    """Returns what sorts versions by age: `1.10.0` after `1.9.0`."""
    return tuple(int(part) for part in version.split("."))


def shard(dataset: str, split: str, index: int, count: int) -> str:
    """Returns a shard's file name, as TensorFlow Datasets spells it.

    Raises:
      ValueError: the index is not below the count, or the split has no such name.
    """
    if not 0 <= index < count <= MAX_SHARDS:
        raise ValueError(
            f"A shard's index must be below the number of shards, at most {MAX_SHARDS}. "
            f"Received: {index=}, {count=}."
        )
    if split not in SPLITS:
        raise ValueError(f"A split must be one of {SPLITS}. Received: {split!r}.")
    return f"{dataset}-{split}.tfrecord-{index:05d}-of-{count:05d}"


def is_shard(file_name: str) -> bool:
    """Tells whether `file_name` is that of a shard, of any dataset and split."""
    return _SHARD.fullmatch(file_name) is not None


def labels_file(target: str) -> str:
    """Returns the name of the file that holds the class names of a target, one a line."""
    return f"{target}.labels.txt"


def incomplete_directory(version: str, plan_digest: str) -> str:
    """Returns the name of the directory in which a build collects its shards."""
    return f"{version}.incomplete-{plan_digest[:12]}"
