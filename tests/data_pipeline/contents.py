"""What datasets hold, read by nothing but the contract."""

import hashlib
import pathlib
from collections.abc import Iterator
from typing import Any

from tfrecords import example, framing
from tfrecords.dataset import Dataset


def hashes(directory: pathlib.Path) -> dict[str, str]:
    """The sha256 of each shard, by file name."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.glob("*.tfrecord-*")
    }


def records(built: Dataset) -> Iterator[tuple[str, pathlib.Path, dict[str, list[Any]]]]:
    """Yields split, shard and features of each record."""
    for split in built.manifest.splits:
        for path in built.shard_paths(split):
            for record in framing.read_records(path):
                yield split, path, example.decode(record)
