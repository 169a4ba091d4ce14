"""The comparison as one HTML file, readable without a network."""

import base64
import pathlib
from collections.abc import Sequence
from typing import Any

import jinja2
import numpy as np

from trainer import run_directory
from trainer.comparing import listing, standings
from trainer.comparing.runs import Run, Untested
from trainer.comparing.standings import Comparison
from trainer.reporting import plots

_TEMPLATE = "comparison.html"


def write(
    path: pathlib.Path,
    comparisons: Sequence[Comparison],
    untested: Sequence[Untested],
    curves: np.ndarray | None,
) -> None:
    """Writes the page whole or not at all.

    Args:
      path: of the file.
      comparisons: of each test set.
      untested: the directories that have no test metrics.
      curves: the picture of all runs' curves, uint8 [height, width, 3], if any has begun.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("trainer.reporting", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    png = None if curves is None else base64.b64encode(plots.to_png(curves)).decode()
    text = environment.get_template(_TEMPLATE).render(
        sections=[_section(comparison) for comparison in comparisons],
        num_runs=sum(len(comparison.runs) for comparison in comparisons),
        apart=listing.APART.format(len(comparisons)) if len(comparisons) > 1 else None,
        untested=untested,
        fact_titles=listing.FACTS,
        curves=None if png is None else f"data:image/png;base64,{png}",
    )
    run_directory.write_text(path, text)


def _section(comparison: Comparison) -> dict[str, Any]:
    names, sort = listing.metric_names(comparison.sort), comparison.sort
    flags = standings.differing_flags(comparison.runs)
    scale = _Scale(comparison.runs, sort)
    return {
        "title": comparison.title,
        "sort": listing.TITLES[sort],
        "metrics": [listing.TITLES[name] for name in names],
        "flags": flags,
        "scale": scale,
        "rows": [_row(comparison, index, names, flags, scale) for index in range(len(scale.runs))],
    }


def _row(
    comparison: Comparison, index: int, names: list[str], flags: list[str], scale: "_Scale"
) -> dict[str, Any]:
    run, standing = comparison.runs[index], comparison.standings.get(comparison.sort)
    return {
        "name": run.name,
        "mark": comparison.mark(comparison.sort, index),
        "gap": listing.difference(standing[index]) if standing else ("", ""),
        "bar": scale.bar(run),
        "metrics": [
            {
                "value": listing.value(run, name),
                "interval": listing.interval(run, name),
                "mark": comparison.mark(name, index),
            }
            for name in names
        ],
        "facts": listing.facts(run),
        "flags": [run.flags.get(name, "") for name in flags],
    }


class _Scale:
    """Where the values of a metric lie on a line from the lowest interval's end to the highest."""

    def __init__(self, runs: Sequence[Run], name: str):
        self.runs = runs
        self._name = name
        ends: list[float] = [end for run in runs for end in run.test[f"{name}_interval"] or []]
        self.low, self.high = min(ends, default=0.0), max(ends, default=1.0)

    def bar(self, run: Run) -> dict[str, float] | None:
        """Returns the places of a run's value and interval, in percent of the line."""
        interval = run.test[f"{self._name}_interval"]
        if interval is None:
            return None
        left, right, at = (self._percent(x) for x in (*interval, run.test[self._name]))
        return {"left": left, "width": right - left, "at": at}

    def _percent(self, value: float) -> float:
        return 100 * (value - self.low) / max(self.high - self.low, 1e-9)
