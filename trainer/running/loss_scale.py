"""A loss scale for float16, above the replicas.

Gradients below 6e-8 are 0 in float16, and those above 65504 are infinite. So the loss is multiplied
by as much as goes, and the gradient, once it is summed over the replicas in float32, divided by it
again: Micikevicius et al. 2018, arXiv:1710.03740. `keras.optimizers.LossScaleOptimizer` looks at
the gradient of each replica by itself, and under MirroredStrategy lets what is not finite on
another one than the first into the weights.
"""

import tensorflow as tf

FIRST = 2.0**15
FLOOR = 1.0
CEILING = 2.0**24
GROWS_AFTER = 2000  # good steps


class LossScale(tf.Module):
    """What the loss is multiplied with: a power of two, so that dividing by it rounds nothing.

    It is made in the strategy's scope, and a checkpoint holds it.
    """

    def __init__(self) -> None:
        super().__init__(name="loss_scale")
        self.value = tf.Variable(FIRST, trainable=False)
        self.good_steps = tf.Variable(0, dtype=tf.int64, trainable=False)

    def after(self, loss: tf.Tensor, is_finite: tf.Tensor) -> tf.Tensor:
        """Takes note of a step, above the replicas: halves after an overflow, else grows in time.

        Args:
          loss: of the global batch, not scaled; where it is not finite itself, it is not the scale
            that was too large.
          is_finite: whether the gradient is, bool scalar.

        Returns:
          Whether the step overflowed because the scale was too large, bool scalar.
        """
        overflowed = ~is_finite & tf.math.is_finite(loss) & (self.value > FLOOR)
        good_steps = tf.where(overflowed, tf.zeros_like(self.good_steps), self.good_steps)
        good_steps += tf.cast(is_finite, tf.int64)
        grows = good_steps >= GROWS_AFTER
        grown = tf.where(grows, tf.minimum(self.value * 2, CEILING), self.value)
        self.value.assign(tf.where(overflowed, tf.maximum(self.value / 2, FLOOR), grown))
        self.good_steps.assign(tf.where(grows, tf.zeros_like(good_steps), good_steps))
        return overflowed
