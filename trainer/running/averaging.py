"""An exponential moving average of the weights: what is validated, kept and bundled in their place.

Polyak and Juditsky 1992, doi:10.1137/0330046. The average lies beside the weights, above the
replicas, and moves once with each update; a step that is skipped leaves both as they are.
"""

import contextlib
from collections.abc import Iterator, Sequence

import tensorflow as tf


class WeightsAverage(tf.Module):
    """The average of some variables, which begins with their values of now.

    Batch-norm statistics belong among them: those of the weights of now do not fit weights that
    are an average of the last thousand steps.

    Args:
      variables: distributed or not; made in the strategy's scope, in which this is made too.
      momentum: the share of the average that stays at an update, in (0, 1). At first it is smaller,
        so that where the weights began is soon forgotten: (1 + n) / (10 + n) at the n-th update, as
        in `tf.train.ExponentialMovingAverage`.
    """

    def __init__(self, variables: Sequence[tf.Variable], momentum: float):
        super().__init__(name="weights_average")
        self._variables = list(variables)
        self._momentum = momentum
        self._extended = tf.distribute.get_strategy().extended
        # A checkpoint holds these, in the order of the variables.
        self.averages = [tf.Variable(variable, trainable=False) for variable in variables]

    def move(self, num_updates: tf.Tensor) -> None:
        """Moves towards the variables, above the replicas.

        Args:
          num_updates: of the phase so far, this one among them; an integer.
        """
        count = tf.cast(num_updates, tf.float32)
        share = 1 - tf.minimum(self._momentum, (1 + count) / (10 + count))
        for average, variable in zip(self.averages, self._variables, strict=True):
            self._extended.update(average, _move, args=(variable, share))

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Lets the variables be the average for a while; then they are what they were, to the bit.

        Nothing may be saved in between that is to be trained further.
        """
        kept = [tf.identity(variable) for variable in self._variables]
        _assign_all(self._variables, self.averages)
        try:
            yield
        finally:
            _assign_all(self._variables, kept)


def _move(average: tf.Variable, variable: tf.Variable, share: tf.Tensor) -> None:
    average.assign_add(share * (variable - average))


def _assign_all(variables: Sequence[tf.Variable], values: Sequence[tf.Tensor]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
