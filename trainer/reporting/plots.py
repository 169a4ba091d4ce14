"""The pictures of a run: uint8 RGB arrays, for TensorBoard, for files and for the report."""

import io
import itertools
import warnings
from collections.abc import Sequence
from typing import Any

import matplotlib.figure
import matplotlib.ticker
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

TRAIN_COLOR = "#8a94a6"
VALIDATION_COLOR = "#1f6feb"
SUGGESTION_COLOR = "#12805c"
GRID_INCHES = 9.0  # as wide as the report, so that captions keep their size
NAMED_CLASSES = 20  # of a confusion matrix; more would take gigabytes of pixels
INK = "#3d4450"
_GRID_COLOR = "#e3e6ea"
_STYLE: dict[str, Any] = {"color": INK, "fontsize": 9}


def curves(lines: list[dict[str, Any]]) -> np.ndarray:
    """Returns loss, accuracy, AUC and learning rate over the steps, with the ends of phases.

    Args:
      lines: of `metrics.jsonl`.
    """
    figure = matplotlib.figure.Figure(figsize=(9, 5.2), dpi=110, layout="constrained")
    panels = figure.subplots(2, 2, sharex=True).ravel()
    names = ("loss", "accuracy", "auc", "learning_rate")
    titles = ("Loss", "Accuracy", "ROC AUC of the validation", "Learning rate")
    ends, rates = _ends_of_phases(lines), panels[3]
    for panel, name, title in zip(panels, names, titles, strict=True):
        for split, color in (("train", TRAIN_COLOR), ("validation", VALIDATION_COLOR)):
            points = [
                (line["step"], line[name])
                for line in lines
                if line["split"] == split and line.get(name) is not None
            ]
            if panel is rates and ends:  # nothing has no place on an axis of decades
                points = [(step, rate) for step, rate in points if rate > 0]
            if points:
                marker = "o" if split == "validation" else None
                panel.plot(
                    *zip(*points, strict=True),
                    color=color,
                    marker=marker,
                    markersize=3.5,
                    label=split,
                )
        for end in ends:
            panel.axvline(end, color=TRAIN_COLOR, linewidth=1, linestyle=":")
        panel.set_title(title, loc="left", **_STYLE)
        ruled(panel)
    if ends:  # the rates of fine-tuning are a small share of the head's
        rates.set_yscale("log")
        rates.yaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    for panel in panels[2:]:
        panel.set_xlabel("steps", color=INK, fontsize=8)
    panels[0].legend(frameon=False, fontsize=8)
    return render(figure)


def _ends_of_phases(lines: list[dict[str, Any]]) -> list[int]:
    of_phases = [line for line in lines if "phase" in line]
    return [
        line["step"]
        for line, after in itertools.pairwise(of_phases)
        if line["phase"] != after["phase"]
    ]


def learning_rates(
    rates: np.ndarray, losses: Sequence[float], smoothed: np.ndarray, suggestion: float | None
) -> np.ndarray:
    """Returns the losses of a range test over the learning rates.

    Args:
      rates: of each step, rising; there may be more of them than losses.
      losses: of each step, finite.
      smoothed: the same, smoothed.
      suggestion: the rate to mark, if any.
    """
    figure = matplotlib.figure.Figure(figsize=(9, 4.2), dpi=110, layout="constrained")
    panel = figure.subplots()
    tried = rates[: len(losses)]
    panel.scatter(tried, losses, color=TRAIN_COLOR, s=6, alpha=0.5, label="of each step")
    panel.plot(tried, smoothed, color=VALIDATION_COLOR, linewidth=2, label="smoothed")
    if losses:
        low, high = np.percentile(losses, [1, 75])
        panel.set_ylim(low - 0.1 * (high - low), high + 0.7 * (high - low) + 1e-6)
    if suggestion is not None:
        label = f"suggested: {suggestion:g}"
        panel.axvline(suggestion, color=SUGGESTION_COLOR, linestyle="--", label=label)
    panel.set_xscale("log")
    panel.set_xlabel("learning rate", **_STYLE)
    panel.set_title("Training loss while the learning rate rises", loc="left", **_STYLE)
    panel.legend(frameon=False, fontsize=8, loc="upper left")
    ruled(panel)
    return render(figure)


def confusion_matrix(confusion: list[list[int]], class_names: tuple[str, ...]) -> np.ndarray:
    """Returns the confusion matrix: rows are true classes, columns are predicted ones.

    Of more than `NAMED_CLASSES` classes it shows shares alone, as colours, by the classes' indices.
    """
    counts = np.asarray(confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [short(name, 28) for name in class_names[:NAMED_CLASSES]]
    letters = max(map(len, names))
    is_wide = letters > 8  # more than the side of a cell
    side = 2.4 + 0.7 * len(names) + (0.08 * letters if is_wide else 0)
    if len(class_names) > NAMED_CLASSES:
        side = GRID_INCHES
    figure = matplotlib.figure.Figure(figsize=(side + 0.5, side), dpi=110, layout="constrained")
    panel = figure.subplots()
    panel.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    panel.set_xlabel("predicted", **_STYLE)
    panel.set_ylabel("true", **_STYLE)
    plain(panel)
    if len(class_names) > NAMED_CLASSES:
        return render(figure)
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if shares[row, column] > 0.55 else INK
        text = f"{count:,}\n{shares[row, column]:.1%}"
        panel.text(column, row, text, ha="center", va="center", color=color, fontsize=9)
    ticks = range(len(names))
    look: Any = {"fontsize": 9, "parse_math": False}
    panel.set_xticks(ticks, names, **look, rotation=90 if is_wide else 0)
    panel.set_yticks(ticks, names, **look, rotation=0 if is_wide else 90, va="center")
    return render(figure)


def image_grid(images: list[np.ndarray], captions: list[str], columns: int = 4) -> np.ndarray:
    """Returns images [size, size, 3] in a grid, each under its caption, whose lines are cut."""
    rows = max(1, -(-len(images) // columns))
    cell = GRID_INCHES / columns
    letters = int(14 * cell)
    figure = matplotlib.figure.Figure(
        figsize=(GRID_INCHES, rows * (cell + 0.35)), dpi=110, layout="compressed"
    )
    panels = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for panel in panels:
        panel.set_axis_off()
    for panel, image, caption in zip(panels, images, captions, strict=False):
        panel.imshow(image)
        # File names and class names may hold what would be a formula.
        lines = (short(line, letters) for line in caption.split("\n"))
        panel.set_title("\n".join(lines), fontsize=7.5, color=INK, parse_math=False)
    return render(figure)


def short(text: str, letters: int) -> str:
    """Returns a text, cut where it is longer than so many letters."""
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


def to_png(image: np.ndarray) -> bytes:
    """Encodes uint8 [height, width, 3] as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    return buffer.getvalue()


def plain(panel: Any) -> None:
    """Takes the frame and the ticks from a panel."""
    for side in panel.spines.values():
        side.set_visible(False)
    panel.tick_params(colors=INK, labelsize=8, length=0)


def ruled(panel: Any) -> None:
    """Puts faint lines in their place, by which values can be read."""
    plain(panel)
    panel.grid(color=_GRID_COLOR, linewidth=0.6)
    panel.set_axisbelow(True)


def render(figure: matplotlib.figure.Figure) -> np.ndarray:
    """Returns a figure as uint8 [height, width, 3]."""
    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        # Class names may be of letters that the font lacks.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()
