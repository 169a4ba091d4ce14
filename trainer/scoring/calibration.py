"""Makes a model's probabilities honest, by a rescaling of its logits fitted on validation data.

A single logit is scaled and shifted (Platt 1999); several are divided by a common temperature
(Guo et al. 2017, arXiv:1706.04599). Neither changes how examples rank.
"""

import dataclasses
import math

import numpy as np
import scipy.optimize
import scipy.special

_LOG_TEMPERATURES = (math.log(0.05), math.log(20))
_OFFSETS = (-20.0, 20.0)


@dataclasses.dataclass(frozen=True)
class Calibration:
    """What is done to logits: `logits / temperature + offset`; by default nothing."""

    temperature: float = 1.0
    offset: float = 0.0

    def apply(self, logits: np.ndarray) -> np.ndarray:
        """Returns rescaled logits, float64."""
        return logits.astype(np.float64) / self.temperature + self.offset


NONE = Calibration()


def probabilities(logits: np.ndarray, positive: int, calibration: Calibration = NONE) -> np.ndarray:
    """Returns class probabilities, float64 [examples, classes].

    Args:
      logits: [examples, 1] of the class with index `positive` of two, or [examples, classes].
      positive: see above; without meaning for several logits.
      calibration: applied to the logits first.
    """
    scaled = calibration.apply(logits)
    if logits.shape[1] > 1:
        return scipy.special.softmax(scaled, axis=1)
    chance = scipy.special.expit(scaled)
    # The other chance from its own logit: 1 - chance would round small ones to 0.
    other = scipy.special.expit(-scaled)
    return np.concatenate([other, chance] if positive == 1 else [chance, other], axis=1)


def log_loss(
    labels: np.ndarray, logits: np.ndarray, positive: int, calibration: Calibration = NONE
) -> float:
    """Returns the mean cross-entropy in nats, exact also where a probability rounds to 0."""
    scaled = calibration.apply(logits)
    if logits.shape[1] == 1:
        signs = np.where(labels == positive, -1.0, 1.0)
        return float(np.logaddexp(0, signs * scaled[:, 0]).mean())
    chosen = np.take_along_axis(scaled, labels[:, None], axis=1)[:, 0]
    return float((scipy.special.logsumexp(scaled, axis=1) - chosen).mean())


def fit(labels: np.ndarray, logits: np.ndarray, positive: int) -> Calibration:
    """Returns the calibration of the lowest log loss.

    The temperature lies within [0.05, 20] and the offset within [-20, 20], so that a model without
    a mistake on the validation split does not become boundlessly sure.
    """
    if logits.shape[1] > 1:
        return Calibration(temperature=_fit_temperature(labels, logits, positive))
    result = scipy.optimize.minimize(
        lambda x: log_loss(labels, logits, positive, Calibration(math.exp(x[0]), float(x[1]))),
        x0=(0.0, 0.0),
        bounds=(_LOG_TEMPERATURES, _OFFSETS),
        method="L-BFGS-B",
    )
    return Calibration(float(math.exp(result.x[0])), float(result.x[1]))


def _fit_temperature(labels: np.ndarray, logits: np.ndarray, positive: int) -> float:
    result = scipy.optimize.minimize_scalar(
        lambda x: log_loss(labels, logits, positive, Calibration(math.exp(x))),
        bounds=_LOG_TEMPERATURES,
        method="bounded",
    )
    return float(math.exp(result.x))
