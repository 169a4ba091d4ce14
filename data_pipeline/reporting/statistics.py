"""What a dataset is made of, in numbers, from the facts of the scan and the shards' sidecars."""

import collections
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from data_pipeline import write
from data_pipeline.planning.plan import Plan, Scanned
from data_pipeline.references import Facts, Reject
from data_pipeline.reporting import audit, exploration, reporter
from data_pipeline.write import Sidecar
from tfrecords import names
from tfrecords.manifest import Target


def split_counts(
    plan: Plan, sidecars: Sequence[Sidecar], targets: Mapping[str, Target]
) -> dict[str, dict[str, dict[str, int]]]:
    """Returns by split, target and class name the number of records written."""
    counts: dict[str, dict[str, dict[str, int]]] = {}
    for shard, sidecar in zip(plan.shards, sidecars, strict=True):
        split = counts.setdefault(
            shard.split,
            {name: dict.fromkeys(target.class_names, 0) for name, target in targets.items()},
        )
        for name, by_index in sidecar.counts.items():
            for index, number in by_index.items():
                split[name][targets[name].class_names[int(index)]] += number
    return counts


def planned_counts(
    plan: Plan, targets: Mapping[str, Target]
) -> dict[str, dict[str, dict[str, int]]]:
    """Returns the same for what is planned, before a record is written."""
    counts: dict[str, dict[str, dict[str, int]]] = {
        split: {name: dict.fromkeys(target.class_names, 0) for name, target in targets.items()}
        for split in names.SPLITS
        if plan.count(split)
    }
    for shard in plan.shards:
        for reference, _ in shard.items:
            for name, index in reference.targets.items():
                counts[shard.split][name][targets[name].class_names[index]] += 1
    return counts


Audit = Callable[[], audit.Result]  # waits for it


def begin_audits(plan: Plan, targets: Mapping[str, Target]) -> dict[str, Audit]:
    """Begins to find out what the formats of the planned files tell of each target."""
    items = itertools.chain.from_iterable(shard.items for shard in plan.shards)
    return _begin_audits(items, plan.num_images, targets)


def audits(
    begun: Mapping[str, Audit],
    plan: Plan,
    sidecars: Sequence[Sidecar],
    targets: Mapping[str, Target],
) -> dict[str, dict[str, dict[str, Any]]]:
    """Returns by target what the formats of the source and of the dataset tell of it.

    Args:
      begun: the audits of the source.
      plan: of the dataset.
      sidecars: of its shards.
      targets: by name.
    """
    records = itertools.chain.from_iterable(map(write.stored_facts, plan.shards, sidecars))
    stored = _begin_audits(records, sum(sidecar.records for sidecar in sidecars), targets)
    return {
        name: {"source": begun[name]().to_json(), "dataset": stored[name]().to_json()}
        for name in targets
    }


def _begin_audits(
    items: Iterable[Scanned], number: int, targets: Mapping[str, Target]
) -> dict[str, Audit]:
    chosen = audit.sample(items, number)
    facts = [facts for _, facts in chosen]
    groups = [reference.group_id for reference, _ in chosen]
    return {
        name: reporter.begin_judging(
            audit.evidence(
                facts,
                [reference.targets[name] for reference, _ in chosen],
                groups,
                target,
                is_sample=len(chosen) < number,
            )
        )
        for name, target in targets.items()
    }


def of_look_alikes(plan: Plan) -> dict[str, int]:
    """Returns how many pictures look alike, before what leaks is left out."""
    return {
        "groups": len(plan.look_alikes.groups),
        "images": plan.look_alikes.num_images,
        "pairs": plan.look_alikes.num_pairs,
        "largest_group": plan.look_alikes.largest,
        "groups_of_several_labels": plan.look_alikes.num_mixed,
    }


def by_reason(rejects: Iterable[Reject]) -> dict[str, int]:
    """Returns the number of rejects by reason, the commonest first."""
    return dict(collections.Counter(reject.reason for reject in rejects).most_common())


def of_source(facts: Sequence[Facts]) -> dict[str, Any]:
    """Returns what the usable files were like before they were stored."""
    return {
        "formats": exploration.common(fact.format for fact in facts),
        "modes": exploration.common(fact.mode for fact in facts),
        "sizes": exploration.common(f"{fact.width} x {fact.height}" for fact in facts),
        "width": _range([fact.width for fact in facts]),
        "height": _range([fact.height for fact in facts]),
        "bytes": _range([fact.num_bytes for fact in facts]),
    }


def _range(values: Sequence[int]) -> dict[str, int]:
    ordered = sorted(values)
    return {
        "smallest": ordered[0],
        "median": ordered[len(ordered) // 2],
        "largest": ordered[-1],
        "total": sum(ordered),
    }
