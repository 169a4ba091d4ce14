"""The curves of several runs in one picture."""

from typing import Any

import matplotlib
import matplotlib.figure
import numpy as np

from trainer.reporting import plots

PANELS = (
    ("train", "loss", "Training loss"),
    ("validation", "loss", "Validation loss"),
    ("validation", "accuracy", "Validation accuracy"),
    ("validation", "auc", "Validation ROC AUC"),
)
_LINES = ("-", "--", ":", "-.")  # after as many runs as there are colours
_LEGEND_COLUMNS = 3


def paint(lines_of_runs: dict[str, list[dict[str, Any]]]) -> np.ndarray:
    """Returns the curves over the epochs, counted over all phases; uint8 [height, width, 3].

    Args:
      lines_of_runs: by name the lines of `metrics.jsonl`.
    """
    rows = -(-len(lines_of_runs) // _LEGEND_COLUMNS)
    figure = matplotlib.figure.Figure(figsize=(9, 5.2 + 0.22 * rows), dpi=110, layout="constrained")
    colors = matplotlib.color_sequences["tab10"]
    handles = {}
    for panel, (split, name, title) in zip(figure.subplots(2, 2).ravel(), PANELS, strict=True):
        for index, (run, lines) in enumerate(lines_of_runs.items()):
            (handles[run],) = panel.plot(
                *_points(lines, split, name),
                color=colors[index % len(colors)],
                linestyle=_LINES[index // len(colors) % len(_LINES)],
                marker="o" if split == "validation" else None,
                markersize=3,
                linewidth=1.3,
            )
        panel.set_title(title, loc="left", color=plots.INK, fontsize=9)
        plots.ruled(panel)
    for panel in figure.axes[2:]:
        panel.set_xlabel("epochs", color=plots.INK, fontsize=8)
    legend = figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside lower left",
        ncols=_LEGEND_COLUMNS,
        frameon=False,
        fontsize=8,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)  # a run's name may hold what would be a formula
    return plots.render(figure)


def _points(lines: list[dict[str, Any]], split: str, name: str) -> tuple[list[float], list[float]]:
    """Returns epochs and values; an epoch ends with a validation."""
    ends = [line["step"] for line in lines if line["split"] == "validation"]
    steps_per_epoch = ends[0] if ends else max((line["step"] for line in lines), default=1)
    points = [
        (line["step"] / steps_per_epoch, line[name])
        for line in lines
        if line["split"] == split and line.get(name) is not None
    ]
    return [epoch for epoch, _ in points], [value for _, value in points]
