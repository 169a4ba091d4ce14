"""What losses over rising learning rates say: pure.

Source of the test: Smith 2017, "Cyclical Learning Rates for Training Neural Networks"
(arXiv:1506.01186), section 3.3; of the end at a divergence and of the steepest descent: Gugger
2018, "How Do You Find A Good Learning Rate", and the fastai library.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import scipy.ndimage

MEMORY = 0.9  # of the moving mean that a divergence is seen by
DIVERGED = 2.0  # times the lowest moving mean
WIDTH_SHARE = 0.04  # of the steps: the standard deviation of the smoothing
LEAST_FALL = 5.0  # standard errors of the smoothed loss, below which a fall may be chance
_ROUND = (1.0, 2.0, 3.0, 5.0, 10.0)


@dataclasses.dataclass(frozen=True)
class Suggestion:
    """A learning rate, and where it comes from.

    Attributes:
      rate: None where the loss has not fallen by more than noise.
      steepest: where the smoothed loss falls fastest over the logarithm of the rate.
      lowest: where it is lowest.
      diverges: where it diverged, if it has.
    """

    rate: float | None
    steepest: float | None
    lowest: float | None
    diverges: float | None


def rates(lowest: float, highest: float, num_steps: int) -> np.ndarray:
    """Returns learning rates that rise by the same factor from step to step, float64."""
    return np.geomspace(lowest, highest, num_steps)


def has_diverged(losses: Sequence[float]) -> bool:
    """Tells whether the last loss is not finite, or the moving mean far above its lowest."""
    if not math.isfinite(losses[-1]):
        return True
    mean, lowest = losses[0], losses[0]
    for loss in losses[1:]:
        mean = MEMORY * mean + (1 - MEMORY) * loss
        lowest = min(lowest, mean)
    return mean > DIVERGED * lowest


def smooth(losses: Sequence[float], num_steps: int) -> np.ndarray:
    """Returns the losses smoothed by a Gaussian, without delay; float64 [losses].

    Args:
      losses: of each step; one that is not finite, the last, stays out.
      num_steps: that were planned, of which the width is a share.
    """
    values = np.array(losses, np.float64)
    kept = values[: len(values) - (not math.isfinite(values[-1]))]
    return scipy.ndimage.gaussian_filter1d(kept, WIDTH_SHARE * num_steps, mode="reflect")


def suggest(tried: np.ndarray, losses: Sequence[float], num_steps: int) -> Suggestion:
    """Returns the learning rate to train with at its highest.

    It is where the loss falls fastest, and at most a tenth of where it diverges; rounded.

    Args:
      tried: the learning rates, as many as losses.
      losses: finite, but for the last one perhaps.
      num_steps: that were planned; fewer losses mean that it diverged.
    """
    diverges = float(tried[-1]) if len(losses) < num_steps or has_diverged(losses) else None
    smoothed = smooth(losses, num_steps)
    if len(smoothed) < 3:
        return Suggestion(None, None, None, diverges)
    end = int(np.argmin(smoothed))
    level = float(np.mean(losses[: max(1, num_steps // 4, end // 4)][: end + 1]))
    if level - smoothed[end] < LEAST_FALL * _standard_error(losses, smoothed, num_steps):
        return Suggestion(None, None, None, diverges)
    slopes = np.gradient(smoothed, np.log(tried[: len(smoothed)]))
    steepest = float(tried[int(np.argmin(slopes[: end + 1]))])
    highest = steepest if diverges is None else min(steepest, diverges / 10)
    return Suggestion(_rounded(highest), steepest, float(tried[end]), diverges)


def _standard_error(losses: Sequence[float], smoothed: np.ndarray, num_steps: int) -> float:
    """Returns that of a smoothed loss, from how the losses scatter around it."""
    scatter = float(np.median(np.abs(np.array(losses)[: len(smoothed)] - smoothed))) / 0.6745
    effective = 2 * math.sqrt(math.pi) * WIDTH_SHARE * num_steps  # losses in a Gaussian's mean
    return scatter / math.sqrt(max(1.0, effective))


def _rounded(rate: float) -> float:
    """Returns the nearest of 1, 2, 3, 5 and 10, times a power of ten: more digits say nothing."""
    power = 10.0 ** math.floor(math.log10(rate))
    nearest = min(_ROUND, key=lambda number: abs(math.log(rate / power / number)))
    return float(f"{nearest * power:.6g}")
