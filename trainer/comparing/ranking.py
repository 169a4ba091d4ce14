"""Which of several models is the best, and whether that is more than noise: a paired bootstrap.

All models are tested on the same resamples of the same test set, see `scoring.bootstrap`, so that
what makes a resample hard for all of them cancels out of their differences (Efron and Tibshirani
1993, "An Introduction to the Bootstrap").
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

LEVEL = 0.05


@dataclasses.dataclass(frozen=True)
class Standing:
    """How a model stands to the best one, in one metric.

    Attributes:
      difference: of its value from the best one's; 0 for the best, else negative.
      low, high: the interval of the difference. All intervals of a ranking hold together with
        95 %: each is as much wider as there are more of them (Bonferroni).
      is_best: whether it is the best, and better than each other one by more than noise.
      is_close: whether it cannot be told from the best; of the best itself, whether there are
        others like it.
    """

    difference: float
    low: float
    high: float
    is_best: bool
    is_close: bool


def rank(values: Sequence[float], distributions: Sequence[np.ndarray]) -> list[Standing]:
    """Returns the standing of each model.

    Args:
      values: of the metric, higher being better; of each model.
      distributions: of the same, on the same resamples; float64 [resamples] of each model.
    """
    best = int(np.argmax(values))
    tail = LEVEL / 2 / max(1, len(values) - 1)
    bounds = [
        np.quantile(distribution - distributions[best], [tail, 1 - tail])
        for distribution in distributions
    ]
    is_close = [high >= 0 for _, high in bounds]
    is_alone = sum(is_close) == 1
    return [
        Standing(
            difference=value - values[best],
            low=float(low),
            high=float(high),
            is_best=index == best and is_alone and len(values) > 1,
            is_close=bool(close) and not is_alone,
        )
        for index, (value, (low, high), close) in enumerate(
            zip(values, bounds, is_close, strict=True)
        )
    ]
