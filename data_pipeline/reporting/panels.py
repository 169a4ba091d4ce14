"""How each kind of chart is drawn. Pure: numbers of `statistics.json` onto axes of matplotlib."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.figure
import matplotlib.patches
import matplotlib.ticker
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from data_pipeline.images import colours
from data_pipeline.reporting import audit, exploration
from tfrecords import manifest

INK, QUIET, LINE = "#1c2128", "#667085", "#e3e6ea"
# Told apart by the colour-blind too, and on dark paper: after Okabe and Ito, "Color Universal
# Design", 2008.
CLASS_COLOURS = ("#2f81e0", "#e08a1e", "#12a57a", "#c4679f", "#8a94a6", "#cf5a2e")
_LETTERS = 34  # of a class name at most; a chart is wide enough for 46 in a line
_CHANNEL_COLOURS = {"red": "#d9534a", "green": "#2f9e62", "blue": "#3f7fd9"}


def _colour(index: int) -> str:
    return CLASS_COLOURS[index % len(CLASS_COLOURS)]


def _shares(counts: Sequence[int]) -> np.ndarray:
    return 100 * np.asarray(counts, float) / max(1, sum(counts))


def _lines(panel: Axes, edges: npt.ArrayLike, by_class: Mapping[str, Sequence[int]]) -> None:
    """Draws the share of each bin as steps, a line for each class."""
    for index, counts in enumerate(by_class.values()):
        if sum(counts):
            width = 1.4 if index else 3.0  # so that the first shows below one that is the same
            panel.stairs(_shares(counts), edges, color=_colour(index), linewidth=width)
            panel.stairs(_shares(counts), edges, color=_colour(index), alpha=0.1, fill=True)
    _percent(panel)
    _legend(panel, list(by_class))


def _legend(panel: Axes, class_names: Sequence[str]) -> None:
    handles = [matplotlib.patches.Patch(color=_colour(i)) for i in range(len(class_names))]
    if len(class_names) > 1:
        # A name that begins with _ would be left out; a space of no width does not.
        labels = ["\u200b" + _short(name) for name in class_names]
        panel.legend(
            handles,
            labels,
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=max(1, min(3, 46 // max(map(len, labels)))),
            borderpad=0,
            handlelength=0.9,
        )


def _short(name: str) -> str:
    return name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"


def _percent(panel: Axes) -> None:
    panel.set_ylim(0, None)
    panel.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4))
    panel.yaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g %%"))
    panel.grid(axis="y", linewidth=0.6)
    panel.set_axisbelow(True)
    panel.tick_params(length=0)
    panel.spines["left"].set_visible(False)


def _bars(panel: Axes, rows: Sequence[str], by_class: Mapping[str, Sequence[float]]) -> Any:
    """Draws horizontal bars, those of one row together; returns them."""
    step = 0.8 / len(by_class)
    drawn = []
    for index, values in enumerate(by_class.values()):
        places = np.arange(len(rows)) + (index - (len(by_class) - 1) / 2) * step
        drawn.append(panel.barh(places, values, 0.85 * step, color=_colour(index)))
    panel.set_yticks(range(len(rows)), rows)
    panel.set_ylim(len(rows) - 0.5, -0.5)  # from above, without the margins of a long axis
    panel.tick_params(length=0)
    panel.spines[["left", "bottom"]].set_visible(False)
    panel.set_xticks([])
    _legend(panel, list(by_class))
    return drawn


def balance(panel: Axes, name: str, classes: Sequence[str], content: manifest.Manifest) -> None:
    """Draws how many examples each split has of each class."""
    counts = {
        class_name: [split.counts[name][class_name] for split in content.splits.values()]
        for class_name in classes
    }
    for bars in _bars(panel, list(content.splits), counts):
        panel.bar_label(bars, fmt="{:,.0f}", padding=3, color=QUIET)
    panel.margins(x=0.12)


def shares(panel: Axes, rows: Sequence[str], by_class: Mapping[str, Sequence[float]]) -> None:
    """Draws for each row the percentage that each class has."""
    for bars in _bars(panel, rows, by_class):
        panel.bar_label(bars, fmt=_percentage, padding=3, color=QUIET)
    panel.set_xlim(0, 118)


def _percentage(share: float) -> str:
    return f"{share:.0f} %" if share in (0, 100) else f"{share:.1f} %"


def sides(panel: Axes, shown: Mapping[str, Any]) -> None:
    """Draws what share of the files has a shorter side of so many pixels."""
    edges = [*exploration.SIDES, 2 * exploration.SIDES[-1]]
    by_class = {name: files["short_sides"] for name, files in shown.items()}
    used = np.flatnonzero(np.sum(list(by_class.values()), axis=0))
    low, high = max(0, used[0] - 3), min(len(edges) - 1, used[-1] + 4)
    panel.set_xscale("log", base=2)
    _lines(panel, edges, by_class)
    panel.set_xlim(edges[low], edges[high])
    panel.xaxis.set_major_locator(matplotlib.ticker.LogLocator(base=2, numticks=12))
    panel.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    panel.xaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%d"))
    panel.set_xlabel("shorter side in pixels")


def qualities(panel: Axes, shown: Mapping[str, Any]) -> None:
    """Draws what share of the JPEGs has which quality."""
    by_class = {name: files["qualities"] for name, files in shown.items()}
    used = np.flatnonzero(np.sum(list(by_class.values()), axis=0))
    _lines(panel, np.arange(exploration.QUALITIES + 1) + 0.5, by_class)
    panel.set_xlim(min(65, used[0] - 4), 101)
    panel.set_xlabel("JPEG quality")


def _values(panel: Axes, label: str) -> None:
    panel.set_xlim(0, 256)
    panel.set_xticks([0, 64, 128, 192, 255])
    panel.set_xlabel(label)


_EDGES = np.arange(colours.BINS + 1) * (256 / colours.BINS)


def brightness(panel: Axes, shown: Mapping[str, Any]) -> None:
    """Draws what share of the files is how bright."""
    _lines(panel, _EDGES, {name: files["brightness"] for name, files in shown.items()})
    _values(panel, "mean grey value of an image; 0 is black, 255 is white")


def pixels(panel: Axes, shown: Mapping[str, Any]) -> None:
    """Draws what share of the pixels is how bright."""
    _lines(panel, _EDGES, {name: files["values"]["grey"] for name, files in shown.items()})
    _values(panel, "grey value of a pixel; 0 is black, 255 is white")


def by_channel(figure: matplotlib.figure.Figure, shown: Mapping[str, Any]) -> None:
    """Draws what share of the pixels has which red, green and blue; a panel for each class."""
    panels = np.atleast_1d(figure.subplots(len(shown), sharex=True, sharey=True))
    for panel, (name, files) in zip(panels, shown.items(), strict=True):
        for channel, colour in _CHANNEL_COLOURS.items():
            shares = _shares(files["values"][channel])
            panel.stairs(shares, _EDGES, color=colour, linewidth=1.4, label=channel)
        panel.set_title(_short(name), loc="left", fontsize=8.5, color=INK)
    for panel in panels:  # once all are drawn: they share an axis
        _percent(panel)
        panel.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(2))
    _values(panels[-1], "value of a pixel")


def facts_of(found: Mapping[str, Any]) -> list[str]:
    """Returns the facts that an audit has judged, the most telling first."""
    return list(dict.fromkeys([*found["source"]["by_fact"], *found["dataset"]["by_fact"]]))


def audited(panel: Axes, found: Mapping[str, Any]) -> None:
    """Draws how much each fact tells, in the source and in the dataset."""
    facts = facts_of(found)
    looks = (("source", "source files", "none"), ("dataset", "dataset", "full"))
    for offset, colour, (kind, label, fill) in zip(
        (-0.16, 0.16), (CLASS_COLOURS[1], CLASS_COLOURS[0]), looks, strict=True
    ):
        result = found[kind]
        points = [(0, result["auc"])] if result["auc"] is not None else []
        points += [(1 + i, result["by_fact"].get(fact, 0.5)) for i, fact in enumerate(facts)]
        rows, aucs = np.array(points, float).reshape(-1, 2).T
        if result["interval"]:
            panel.hlines(offset, *result["interval"], color=colour, linewidth=2)
        panel.plot(
            aucs,
            rows + offset,
            "o",
            color=colour,
            markersize=5,
            label=label,
            fillstyle=fill,
            linestyle="none",
        )
    panel.set_yticks(range(1 + len(facts)), ["all together", *facts])
    panel.get_yticklabels()[0].set_color(INK)
    panel.invert_yaxis()
    panel.set_xlim(min(0.35, panel.dataLim.x0 - 0.02), 1.02)
    panel.axvline(0.5, color=QUIET, linewidth=0.8)
    panel.axvline(audit.WARN_ABOVE, color=_CHANNEL_COLOURS["red"], linewidth=1.4, linestyle=":")
    panel.set_xticks([0.4, 0.5, audit.WARN_ABOVE, 0.7, 0.8, 0.9, 1.0])
    panel.grid(axis="y", linewidth=0.6)
    panel.set_axisbelow(True)
    panel.tick_params(length=0)
    panel.spines["left"].set_visible(False)
    panel.set_xlabel("AUC")
    panel.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderpad=0, handletextpad=0.2)
