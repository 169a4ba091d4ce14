"""A validation split made of training groups, for a dataset that was built without one.

Both splits share the shards; which of a shard's records belong to which follows from a hash of
their group, so that a person or a video is on one side only, whatever the run and its seed.
"""

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from tfrecords import dataset, exits
from tfrecords import manifest as manifests

TRAIN, VALIDATION = "train", "validation"
BUCKETS = 10_000
KEY = (0x5E7, 0xA51DE)  # of the hash; another one than of any other use of it

# By shard, split and target the number of examples of each class index.
Counts = Mapping[str, Mapping[str, Mapping[str, list[int]]]]


def first_bucket_of_training(fraction: float) -> int:
    """Returns the bucket that ends validation: groups in those below it are held out."""
    return round(fraction * BUCKETS)


def carve(source: dataset.Dataset, fraction: float, counts: Counts) -> dataset.Dataset:
    """Returns the dataset with a validation split.

    Args:
      source: a dataset without one.
      fraction: of the groups of training that are held out.
      counts: of the training shards.

    Raises:
      UsageError: one of the two splits would have no examples.
    """
    splits = dict(source.manifest.splits)
    for name in (TRAIN, VALIDATION):
        splits[name] = _split(source, name, counts)
        if not splits[name].shards:
            raise exits.UsageError(
                f"--validation_fraction={fraction} leaves no examples for split {name!r} of "
                f"{source.directory}: its groups are too few. Use another fraction, or build it "
                "again with --overwrite and --splits=0.8,0.1,0.1."
            )
    manifest = dataclasses.replace(source.manifest, splits=splits)
    return dataclasses.replace(source, manifest=manifest, held_out=fraction)


def _split(source: dataset.Dataset, name: str, counts: Counts) -> manifests.Split:
    shards, totals = [], {}
    for shard in source.manifest.splits[TRAIN].shards:
        of_shard = counts[shard.name][name]
        records = sum(next(iter(of_shard.values())))
        if records:
            shards.append(dataclasses.replace(shard, records=records))
    for target, content in source.manifest.targets.items():
        columns = zip(*(counts[shard][name][target] for shard in counts), strict=True)
        totals[target] = dict(zip(content.class_names, map(sum, columns), strict=True))
    return manifests.Split(tuple(shards), totals)


def read_counts(source: dataset.Dataset, fraction: float) -> Counts | None:
    """Returns what `write_counts` kept, or None."""
    try:
        kept: dict[str, Any] = json.loads(_path(source, fraction).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return kept["counts"] if kept.get("plan_digest") == source.manifest.plan_digest else None


def write_counts(source: dataset.Dataset, fraction: float, counts: Counts) -> None:
    """Keeps the counts beside the shards, where the directory can be written to."""
    path = _path(source, fraction)
    content = {"plan_digest": source.manifest.plan_digest, "counts": counts}
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        temporary.write_text(json.dumps(content) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError:
        return  # they are counted again the next time


def _path(source: dataset.Dataset, fraction: float) -> pathlib.Path:
    return source.directory / f".holdout-{first_bucket_of_training(fraction)}.json"
