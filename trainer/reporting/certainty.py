"""How sure a model is of each of two classes, and how far that is right: ROC, histogram, bins."""

from typing import Any

import matplotlib.figure
import matplotlib.ticker
import numpy as np
import sklearn.metrics
from matplotlib.axes import Axes

from trainer.reporting import plots

BINS = 10
_BY_CLASS = (plots.VALIDATION_COLOR, "#e08a1e")  # told apart by the colour-blind too
_TITLE: dict[str, Any] = {"loc": "left", "color": plots.INK, "fontsize": 9}
_LABEL: dict[str, Any] = {"color": plots.INK, "fontsize": 8}


def reliability(
    is_positive: np.ndarray, chances: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns what came of the chances, in bins of equal width.

    Args:
      is_positive: bool [examples].
      chances: [examples], of being positive, from 0 to 1.

    Returns:
      Of each bin that is not empty its mean chance, its share of positive examples, and the number
      of its examples.
    """
    bins = np.minimum((chances * BINS).astype(int), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    filled = counts > 0
    mean, share = (
        np.bincount(bins, weights=values, minlength=BINS)[filled] / counts[filled]
        for values in (chances, is_positive)
    )
    return mean, share, counts[filled]


def paint(
    labels: np.ndarray,
    chances: np.ndarray,
    class_names: tuple[str, ...],
    positive: int,
    threshold: float,
) -> np.ndarray:
    """Returns ROC curve, histogram of the chances by class, and reliability beside each other.

    Args:
      labels: int [examples], of both of two classes.
      chances: calibrated probabilities [examples, 2].
      class_names: of the two.
      positive: the index of the positive one.
      threshold: of its chance, from which on it is predicted.

    Returns:
      uint8 [height, width, 3].
    """
    figure = matplotlib.figure.Figure(figsize=(9, 3.2), dpi=110, layout="constrained")
    of_roc, of_classes, of_bins = figure.subplots(1, 3)
    is_positive, of_positive = labels == positive, chances[:, positive]
    name = plots.short(class_names[positive], 16)
    _draw_roc(of_roc, is_positive, of_positive, threshold)
    for index, color in zip((1 - positive, positive), _BY_CLASS, strict=True):
        of_class = of_positive[labels == index]
        shares = np.full(len(of_class), 100 / max(1, len(of_class)))
        label = "\u200b" + plots.short(class_names[index], 16)  # a name that begins with _ too
        look: dict[str, Any] = {"color": color, "label": label, "linewidth": 1.5}
        of_classes.hist(of_class, 2 * BINS, range=(0, 1), weights=shares, histtype="step", **look)
    of_classes.margins(y=0.25)  # room for the legend
    of_classes.yaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g %%"))
    of_classes.set_title("Images of each class", **_TITLE)
    for text in of_classes.legend(frameon=False, fontsize=8, loc="upper center").get_texts():
        text.set_parse_math(False)
    of_bins.plot((0, 1), (0, 1), color=plots.TRAIN_COLOR, linewidth=1, linestyle=":")
    means, found, counts = reliability(is_positive, of_positive)
    of_bins.scatter(means, found, 10 + 120 * counts / len(labels), color=_BY_CLASS[0])
    of_bins.set_title(f"Share that is {name}", parse_math=False, **_TITLE)
    for panel in (of_classes, of_bins):
        panel.axvline(threshold, color=plots.TRAIN_COLOR, linewidth=0.6)
        panel.set_xlabel(f"predicted probability of {name}", parse_math=False, **_LABEL)
    for panel in (of_roc, of_classes, of_bins):
        plots.ruled(panel)
    return plots.render(figure)


def _draw_roc(panel: Axes, is_positive: np.ndarray, chances: np.ndarray, threshold: float) -> None:
    panel.plot((0, 1), (0, 1), color=plots.TRAIN_COLOR, linewidth=1, linestyle=":")
    false, true, _ = sklearn.metrics.roc_curve(is_positive, chances)
    panel.plot(false, true, color=_BY_CLASS[0], linewidth=1.5)
    called = chances >= threshold
    point = called[~is_positive].mean(), called[is_positive].mean()
    panel.plot(*point, "o", color=_BY_CLASS[0], markersize=5)
    panel.set_title("ROC: true positives", **_TITLE)
    panel.set_xlabel("false positives", **_LABEL)
