"""Enters what a repair could not save into the books: manifest, rejects, statistics, report.

Lost records are rejects with the reason `lost`, so that each listed file is still accounted for.
"""

import collections
import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from data_pipeline import publish
from data_pipeline.mending.examination import Examination
from data_pipeline.references import LOST, Reject
from data_pipeline.reporting import report
from tfrecords import exits, names
from tfrecords.manifest import Manifest, Shard, Split

Counts = Mapping[str, Mapping[str, int]]


def enter(
    directory: pathlib.Path,
    content: Manifest,
    found: Sequence[Examination],
    saved: Mapping[str, Shard | None],
) -> Manifest:
    """Brings the files of a dataset up to date, and returns its new manifest.

    Shards without a record are gone; the others of their split are numbered anew.

    Args:
      directory: with the shards as they are now, and the other files as they were.
      content: the manifest as it was.
      found: what was found in each shard; its `counts` are those of a shard in `saved`.
      saved: by name the shards that take the place of damaged ones; None where nothing is left.

    Raises:
      DataError: no record is left.
    """
    examined = {item.shard.name: item for item in found}
    splits = {
        name: _split(directory, content, name, split, examined, saved)
        for name, split in content.splits.items()
    }
    if not any(split.num_examples for split in splits.values()):
        raise exits.DataError(
            f"No record can be read. Nothing was changed; build it again: {content.command} "
            "--overwrite"
        )
    lost = [reject for name in saved for reject in _lost(examined[name])]
    reasons = {**content.rejects, LOST: content.rejects.get(LOST, 0) + len(lost)}
    written = sum(split.num_examples for split in splits.values())
    hashes = [shard.sha256 for split in splits.values() for shard in split.shards]
    entered = dataclasses.replace(
        content,
        splits=splits,
        rejects={reason: number for reason, number in reasons.items() if number},
        listed=written + content.duplicates + sum(reasons.values()),
        # It is no longer what the plan says, and no build or run must take it for that.
        plan_digest=hashlib.sha256("".join([content.plan_digest, *hashes]).encode()).hexdigest(),
    )
    _enter_rejects(directory, lost)
    _enter_statistics(directory, entered)
    return entered


def by_class(before: Manifest, after: Manifest) -> dict[str, Counts]:
    """Returns by split, target and class name how many records were lost, if any were."""
    return {
        name: {
            target: {
                class_name: number - after.splits[name].counts[target][class_name]
                for class_name, number in classes.items()
            }
            for target, classes in split.counts.items()
        }
        for name, split in before.splits.items()
        if split.counts != after.splits[name].counts
    }


def _split(
    directory: pathlib.Path,
    content: Manifest,
    name: str,
    split: Split,
    examined: Mapping[str, Examination],
    saved: Mapping[str, Shard | None],
) -> Split:
    left = [shard for old in split.shards if (shard := saved.get(old.name, old))]
    if len(left) < len(split.shards):
        for index, shard in enumerate(left):
            renamed = names.shard(content.dataset, name, index, len(left))
            (directory / shard.name).rename(directory / renamed)
            left[index] = dataclasses.replace(shard, name=renamed)
    if all(old.name not in saved for old in split.shards):
        return split
    counts = {}
    for target, classes in content.targets.items():
        total: collections.Counter[int] = collections.Counter()
        for old in split.shards:
            total.update(examined[old.name].counts[target])
        counts[target] = {
            class_name: total[index] for index, class_name in enumerate(classes.class_names)
        }
    return Split(tuple(left), counts)


def _lost(examined: Examination) -> Iterator[Reject]:
    """Yields as many rejects as records are lost, named as far as that is known."""
    shard = examined.shard
    known = [
        damage.image_id or f"{shard.name} record {damage.index}"
        for damage in examined.damages
        if damage.index is not None
    ]
    for place in range(shard.records - examined.num_readable):
        image_id = known[place] if place < len(known) else shard.name
        yield Reject(
            image_id, LOST, f"damaged in {shard.name}, which was repaired without a source"
        )


def _enter_rejects(directory: pathlib.Path, lost: Sequence[Reject]) -> None:
    path = directory / names.REJECTS
    rejects = list(lost)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        rejects += [Reject(**json.loads(line)) for line in lines]
    except (OSError, TypeError, ValueError) as error:
        print(f"{path.name} could not be read, and names the lost records alone: {error}")
    rejects.sort(key=lambda reject: reject.image_id)
    publish.write_rejects(path, rejects)


def _enter_statistics(directory: pathlib.Path, content: Manifest) -> None:
    path = directory / names.STATISTICS
    shards = [shard for split in content.splits.values() for shard in split.shards]
    try:
        numbers: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        numbers |= {
            "listed": content.listed,
            "written": content.num_examples,
            "rejects": content.rejects,
            "splits": {name: split.counts for name, split in content.splits.items()},
        }
        numbers["stored"] |= {
            "shards": len(shards),
            "bytes": sum(shard.bytes for shard in shards),
        }
        publish.write_json(path, numbers)
        report.write(directory, content)
    except (exits.DataError, OSError, KeyError, TypeError, ValueError) as error:
        print(f"{path.name} and {names.REPORT} could not be brought up to date: {error}")
