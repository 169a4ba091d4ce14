"""What is done to the weights with a gradient that is summed over the replicas."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from trainer.running import averaging


class Update:
    """One update of the weights, above the replicas; made in the strategy's scope.

    Args:
      optimizer: built. It gets the gradient of the global batch, so that
        this is what it clips.
      variables: what it updates.
      rates: by which the update of each variable is multiplied; by default all by 1.
      average: that moves with each update.
    """

    def __init__(
        self,
        optimizer: keras.optimizers.Optimizer,
        variables: Sequence[keras.Variable],
        *,
        rates: Sequence[float] | None = None,
        average: averaging.WeightsAverage | None = None,
    ):
        self._optimizer = optimizer
        self._variables = list(variables)
        self._average = average
        self._extended = tf.distribute.get_strategy().extended
        self.rates = list(rates or [1.0] * len(self._variables))
        pairs = zip(self._variables, self.rates, strict=True)
        slowed = [(variable.value, rate) for variable, rate in pairs if rate != 1]
        # Copies that are variables lie on each replica, and nothing is sent from one to another.
        self._slowed = [
            (variable, rate, tf.Variable(variable, trainable=False)) for variable, rate in slowed
        ]

    def __call__(self, gradients: list[Any]) -> None:
        """Updates the weights.

        Args:
          gradients: of each variable, summed over the replicas.
        """
        for variable, _, before in self._slowed:
            before.assign(variable)
        self._optimizer.apply(gradients, self._variables)
        # All optimizers here move a weight in proportion to its learning rate, decay included.
        for variable, rate, before in self._slowed:
            self._extended.update(variable, _take_part, args=(before, rate))
        if self._average is not None:
            self._average.move(self._optimizer.iterations.value)


def _take_part(variable: tf.Variable, before: tf.Variable, rate: float) -> None:
    variable.assign(before + rate * (variable - before))
