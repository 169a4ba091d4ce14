"""When training has gone wrong, and what becomes of it.

The weights go back to the last checkpoint, the position stays where it is, past the data on which
it went wrong, and the learning rate is halved: what Chowdhery et al. 2022 (PaLM, arXiv:2204.02311,
5.1) did by hand about spikes of the loss.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from trainer.running import checkpoints

RATE_FACTOR = 0.5


@dataclasses.dataclass(frozen=True)
class Limits:
    """How much may go wrong.

    Attributes:
      skipped_steps: one after the other, because something was not finite.
      loss: of a step.
      rollbacks: of a run.
    """

    skipped_steps: int
    loss: float
    rollbacks: int


def note(
    counters: checkpoints.Counters,
    limits: Limits,
    losses: np.ndarray,
    is_skipped: np.ndarray,
) -> str | None:
    """Counts the steps of a window; returns what has gone wrong, or None.

    Args:
      counters: of the run.
      limits: what is allowed.
      losses: of the steps, in their order; float64 [steps].
      is_skipped: whether the weights were left alone in the step; bool [steps].
    """
    reason = None
    in_a_row = int(counters.skipped_in_a_row)
    for loss, skipped in zip(losses.tolist(), is_skipped.tolist(), strict=True):
        in_a_row = in_a_row + 1 if skipped else 0
        if in_a_row >= limits.skipped_steps:
            reason = f"{in_a_row} steps in a row were skipped (--max_skipped_steps)"
        elif not skipped and loss > limits.loss:
            reason = f"the loss was {loss:.4g}, above --max_loss={limits.loss:g}"
    counters.skipped_in_a_row.assign(in_a_row)
    counters.skipped_steps.assign_add(int(np.sum(is_skipped)))
    return reason


def roll_back(counters: checkpoints.Counters, restore: Callable[[], str | None]) -> None:
    """Restores weights and optimizer, and leaves the counters as they are but for the rate.

    Args:
      counters: of the run.
      restore: restores all three from the last checkpoint.
    """
    kept = [(variable, tf.identity(variable)) for variable in counters.variables]
    restore()
    for variable, value in kept:
        variable.assign(value)
    counters.rollbacks.assign_add(1)
    counters.rate_scale.assign(counters.rate_scale * RATE_FACTOR)
    counters.skipped_in_a_row.assign(0)
