"""A comparison in words and numbers: the cells of its tables, for each way they are shown."""

import textwrap
from collections.abc import Iterator, Sequence

from trainer.comparing import standings, tables
from trainer.comparing.ranking import Standing
from trainer.comparing.runs import Run, Untested
from trainer.comparing.standings import Comparison
from trainer.reporting import progress
from trainer.scoring import metrics

TITLES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced acc.",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "auc": "ROC AUC",
}
FACTS = ("model", "parameters", "px", "epochs", "time", "images/s", "memory")
APART = "They were tested on {} test sets. Only numbers of the same test set are compared."
LEGEND = (
    "* the best, by more than noise. ~ cannot be told from the best. In brackets: 95 % intervals, "
    "as wide as a bootstrap over the groups of the test set says; whether two runs differ is "
    "judged on the same draws of it."
)
_MISSING = "\N{EN DASH}"


def facts(run: Run) -> list[str]:
    """Returns the cells of `FACTS`."""
    return [
        run.model,
        f"{run.parameters:,}",
        run.image_size,
        _MISSING if run.epochs is None else f"{run.epochs:g}",
        _MISSING if run.seconds is None else progress.clock(run.seconds),
        _MISSING if run.images_per_second is None else f"{run.images_per_second:,.0f}",
        _MISSING if run.memory_mb is None else f"{run.memory_mb / 1000:.1f} GB",
    ]


def metric_names(sort: str) -> list[str]:
    """Returns the metrics in the order in which they are shown."""
    return [sort, *(name for name in metrics.NAMES if name != sort)]


def value(run: Run, name: str) -> str:
    """Returns a metric."""
    found = run.test[name]
    return _MISSING if found is None else f"{found:.4f}"


def interval(run: Run, name: str) -> str:
    """Returns the interval of a metric, or nothing."""
    found = run.test[f"{name}_interval"]
    return "" if found is None else f"({found[0]:.3f}\N{EN DASH}{found[1]:.3f})"


def difference(standing: Standing) -> tuple[str, str]:
    """Returns the difference from the best and its interval, of the best itself nothing."""
    if not standing.low and not standing.high and not standing.difference:
        return _MISSING, ""
    return f"{standing.difference:+.4f}", f"({standing.low:+.3f} to {standing.high:+.3f})"


def as_text(comparisons: Sequence[Comparison], untested: Sequence[Untested], width: int) -> str:
    """Returns all that there is to say, for a terminal of so many characters a line."""
    parts = [APART.format(len(comparisons))] if len(comparisons) > 1 else []
    for comparison in comparisons:
        parts.append(comparison.title)
        parts += [tables.text(rows, width) for rows in _tables(comparison)]
    if comparisons:
        parts.append(textwrap.fill(LEGEND, width))
    if untested:
        lines = [f"  {run.name} {run.reason}" for run in untested]
        parts.append("Not compared:\n" + "\n".join(lines))
    return "\n\n".join(parts)


def _tables(comparison: Comparison) -> Iterator[list[list[str]]]:
    """Yields the rows of metrics, of facts, and of the flags that differ if there are any."""
    names, runs = metric_names(comparison.sort), comparison.runs
    header = ["run", *(TITLES[name] for name in names)]
    rows = [[run.name, *_metrics(comparison, index, names)] for index, run in enumerate(runs)]
    if len(runs) > 1 and comparison.sort in comparison.standings:
        standings_of_runs = comparison.standings[comparison.sort]
        gaps = [" ".join(difference(standing)).rstrip() for standing in standings_of_runs]
        header.insert(2, "from the best")
        for row, gap in zip(rows, gaps, strict=True):
            row.insert(2, gap)
    yield [header, *rows]
    yield [["run", *FACTS], *([run.name, *facts(run)] for run in runs)]
    flags = standings.differing_flags(runs)
    if flags:
        told = [[run.name, *(str(run.flags.get(n, _MISSING)) for n in flags)] for run in runs]
        yield [["run", *flags], *told]


def _metrics(comparison: Comparison, index: int, names: list[str]) -> list[str]:
    run = comparison.runs[index]
    return [
        f"{value(run, name)} {interval(run, name)} {comparison.mark(name, index)}".rstrip()
        for name in names
    ]


def as_csv(comparisons: Sequence[Comparison], untested: Sequence[Untested]) -> str:
    """Returns a row for each run, with numbers as they are."""
    rows = [
        _csv_row(comparison, index)
        for comparison in comparisons
        for index in range(len(comparison.runs))
    ]
    return tables.to_csv([*rows, *({"run": run.name, "status": run.reason} for run in untested)])


def _csv_row(comparison: Comparison, index: int) -> dict[str, object]:
    run = comparison.runs[index]
    row = {
        "run": run.name,
        "status": "tested",
        "test_set": comparison.title,
        "model": run.model,
        "parameters": run.parameters,
        "trainable": run.trainable,
        "image_size": run.image_size,
        "epochs": run.epochs,
        "seconds": run.seconds,
        "images_per_second": run.images_per_second,
        "memory_mb": run.memory_mb,
        "examples": run.test["examples"],
        "groups": run.test["groups"],
    }
    for name in metrics.NAMES:
        low, high = run.test[f"{name}_interval"] or (None, None)
        mark = comparison.mark(name, index)
        row |= {name: run.test[name], f"{name}_low": low, f"{name}_high": high}
        row |= {f"{name}_mark": mark}
    return row
