"""The learning rate of a phase, step by step."""

from typing import Any

import keras
import tensorflow as tf

COSINE, STEP, PLATEAU = "cosine", "step", "plateau"


def make(
    name: str,
    peak: float,
    *,
    num_steps: int,
    warmup_steps: int,
    decay_steps: int,
    decay_factor: float,
    scale: tf.Variable | float,
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Returns the rates of a phase: a linear warm-up from 0 to the peak, and what `name` says then.

    Args:
      name: `cosine` falls to 0 at the end (Loshchilov and Hutter 2017, arXiv:1608.03983); `step`
        falls by `decay_factor` every `decay_steps`; `constant` stays, and so does `plateau`, where
        `scale` falls when a validation says so.
      peak: the highest rate.
      num_steps: of the phase.
      warmup_steps: of these; a phase of one step has none to spare.
      decay_steps: counted from the phase's beginning.
      decay_factor: in (0, 1).
      scale: what all rates are multiplied with.
    """
    warmup = min(warmup_steps, num_steps - 1)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else peak,
        decay_steps=num_steps - warmup,
        alpha=0.0 if name == COSINE else 1.0,
        warmup_target=peak if warmup else None,
        warmup_steps=warmup,
    )
    if name == STEP:
        schedule = _Staircase(schedule, decay_steps, decay_factor)
    return _Scaled(schedule, scale)


class _Scaled(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule times a variable."""

    def __init__(self, schedule: keras.optimizers.schedules.LearningRateSchedule, scale: Any):
        self._schedule = schedule
        self._scale = scale

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        return self._schedule(step) * self._scale


class _Staircase(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule that a factor makes smaller every so many steps."""

    def __init__(
        self,
        schedule: keras.optimizers.schedules.LearningRateSchedule,
        every_steps: int,
        factor: float,
    ):
        self._schedule = schedule
        self._every_steps = every_steps
        self._factor = factor

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        stairs = tf.cast(tf.cast(step, tf.int64) // self._every_steps, tf.float32)
        return self._schedule(step) * self._factor**stairs
