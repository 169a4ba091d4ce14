"""Runs of one test set, sorted, and how each stands to the best."""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from typing import Any

from trainer import config as configs
from trainer.comparing import ranking
from trainer.comparing.ranking import Standing
from trainer.comparing.runs import Run
from trainer.scoring import bootstrap, metrics


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The runs that were tested on the same examples.

    Attributes:
      test_set: what was tested on.
      runs: the best of `sort` first; those without that metric last.
      standings: by the name of a metric that is defined for all runs, that of each run.
      sort: the metric.
    """

    test_set: dict[str, Any]
    runs: tuple[Run, ...]
    standings: dict[str, list[Standing]]
    sort: str

    @property
    def title(self) -> str:
        """The test set in words."""
        where, test = self.test_set, self.runs[0].test
        return (
            f"{where['dataset']} {where['version']}, {where['target']}, split {where['split']}: "
            f"{test['examples']:,} examples in {test['groups']:,} groups "
            f"(plan {where['plan_digest'][:8]}, examples {where['examples_sha256'][:8]})"
        )

    def mark(self, name: str, index: int) -> str:
        """Returns `*` for a run that is the best, `~` for one that cannot be told from it."""
        if name not in self.standings:
            return ""
        standing = self.standings[name][index]
        return "*" if standing.is_best else "~" if standing.is_close else ""


def by_test_set(runs: Iterable[Run], sort: str) -> list[Comparison]:
    """Returns a comparison for each test set, that of the most runs first."""
    together: dict[str, list[Run]] = {}
    for run in runs:
        together.setdefault(json.dumps(run.test_set, sort_keys=True), []).append(run)
    found = [_compare(members, sort) for members in together.values()]
    return sorted(found, key=lambda comparison: -len(comparison.runs))


def _compare(members: Sequence[Run], sort: str) -> Comparison:
    def rank(run: Run) -> tuple[bool, float]:
        value = run.test[sort]
        return value is None, -(value or 0)

    runs = sorted(members, key=rank)
    drawn = [
        bootstrap.distributions(
            run.examples.labels,
            run.examples.chances,
            run.examples.positive,
            run.examples.group_ids,
        )
        for run in runs
    ]
    standings = {
        name: ranking.rank([run.test[name] for run in runs], [found[name] for found in drawn])
        for name in metrics.NAMES
        if all(name in found for found in drawn)
    }
    return Comparison(runs[0].test_set, tuple(runs), standings, sort)


def differing_flags(runs: Sequence[Run]) -> list[str]:
    """Returns the hyperparameters in which trainings differ."""
    trained = [run.flags for run in runs if run.flags]
    return [
        name
        for name in configs.HYPERPARAMETERS
        if len({str(flags.get(name)) for flags in trained}) > 1
    ]
