"""Several steps in one call: what a call costs beside its arithmetic is paid once.

It is of use where steps take some milliseconds: heads on cached features, small networks, small
images. The steps are those of `steps.TrainStep`, one after the other, to the same bits.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.capacity import out_of_memory
from trainer.running import steps

MOST_STEPS = 16
QUICK_SECONDS = 0.02  # a step that takes longer gains little
WORTH_STEPS = 200  # are left, where the seconds of another trace shall pay off


def size(at_most: int, *every_steps: int) -> int:
    """Returns how many steps to take in a call, so that calls end where something is to be done.

    Args:
      at_most: so many.
      *every_steps: after each so many steps something is to be done.
    """
    common = math.gcd(*every_steps)
    return max(n for n in range(1, max(1, min(at_most, common)) + 1) if common % n == 0)


def can_run_on(strategy: tf.distribute.Strategy) -> bool:
    """Tells whether the replicas of a strategy are all in this process, and mirror the weights."""
    kinds = (tf.distribute.MirroredStrategy, tf.distribute.OneDeviceStrategy)
    is_default = strategy is tf.distribute.get_strategy() and not tf.distribute.has_strategy()
    return is_default or isinstance(strategy, kinds)


def parts(start: int, end: int, count: int) -> list[tuple[int, int, int]]:
    """Returns (first step, last step + 1, steps in a call) of what is left of an epoch.

    Calls of `count` steps begin at its multiples; what is left before and behind goes singly.

    Args:
      start: the first step.
      end: the last step + 1.
      count: of steps in a call.
    """
    first = min(-(-start // count) * count, end)
    last = max(end // count * count, first)
    bounds = ((start, first, 1), (first, last, count), (last, end, 1))
    return [part for part in bounds if part[0] < part[1]]


def chunks(strategy: tf.distribute.Strategy, batches: tf.data.Dataset, count: int) -> Any:
    """Returns distributed chunks, by replica [count, per-replica batch, ...], of global batches."""
    replicas = strategy.num_replicas_in_sync

    def by_replica(values: tf.Tensor) -> tf.Tensor:
        shape = [count, replicas, values.shape[1] // replicas, *values.shape[2:]]
        # As tf.transpose does, which says on standard error that oneDNN's knows no integers.
        return tf.stack(tf.unstack(tf.reshape(values, shape), axis=1))

    def in_turn(chunk: steps.Batch) -> tf.data.Dataset:
        # Not `unbatch`, of which the process dies where values have no elements: those of `noise`
        # have none where nothing is augmented.
        return tf.data.Dataset.from_tensor_slices(tf.nest.map_structure(by_replica, chunk))

    def of_pipeline(context: tf.distribute.InputContext) -> tf.data.Dataset:
        joined = batches.batch(count, drop_remainder=True)
        if replicas == 1:
            return joined.prefetch(1)
        # Replicas take the elements in turn.
        return joined.flat_map(in_turn).prefetch(replicas)

    return strategy.distribute_datasets_from_function(of_pipeline)


class SeveralSteps:
    """Takes the steps of a chunk in one call.

    Args:
      strategy: where they run.
      step: the step.
      count: of steps in a chunk.
    """

    def __init__(self, strategy: tf.distribute.Strategy, step: steps.TrainStep, count: int):
        self._strategy = strategy
        self._step = step
        self._count = count
        self._micro_batch = 0
        self._names: list[str] = []
        self._traced_pick = tf.function(self._pick)
        self._traced_keep = tf.function(self._keep)
        self._traced_put_back = tf.function(self._put_back)
        with strategy.scope():
            self._kept = [steps.of_each_replica(v.shape) for v in step.statistics]
        with tf.device("CPU:0"):
            # The variables of a graph that fails keep what its steps before have left in them.
            self._done = tf.Variable(0, trainable=False)
            self._rows: tf.Variable | None = None

    def __call__(self, chunk: Any, seeds: Sequence[Sequence[int]]) -> list[dict[str, np.float32]]:
        """Trains on a chunk; see `steps.TrainStep`.

        Args:
          chunk: of `chunks`.
          seeds: of each step.

        Returns:
          The scalars of each step that was taken: of all, or of those before the one for which
          memory did not suffice. That one has changed nothing, and is to be taken by itself.
        """
        if self._micro_batch != self._step.micro_batch:
            self._micro_batch = self._step.micro_batch
            self._traced = tf.function(self._steps)
        self._done.assign(0)
        if self._kept:
            self._traced_keep()
        try:
            self._traced(chunk, tf.constant(seeds, tf.int64))
        except tf.errors.OpError as error:
            if not out_of_memory.is_out_of_memory(error):
                raise
            self._traced_put_back()
        if self._rows is None:  # memory ran out before a graph was there
            return []
        rows = self._rows.numpy()[: int(self._done)]
        return [dict(zip(self._names, row, strict=True)) for row in rows]

    def batch(self, chunk: Any, index: int) -> steps.Batch:
        """Returns the batch of one step of a chunk."""
        found: steps.Batch = self._traced_pick(chunk, tf.constant(index))
        return found

    def _pick(self, chunk: Any, index: tf.Tensor) -> Any:
        return self._strategy.run(
            lambda local: tf.nest.map_structure(lambda values: values[index], local), args=(chunk,)
        )

    def _keep(self) -> tf.Tensor:
        """Keeps the statistics of batch norm as they are after `_done` steps."""
        self._strategy.run(lambda: steps.assign_all(self._kept, self._step.statistics))
        return tf.constant(True)

    def _put_back(self) -> None:
        self._strategy.run(lambda: steps.assign_all(self._step.statistics, self._kept))

    def _steps(self, chunk: Any, seeds: tf.Tensor) -> None:
        for index in tf.range(self._count):
            self._take(chunk, seeds, index)

    def _take(self, chunk: Any, seeds: tf.Tensor, index: tf.Tensor) -> None:
        metrics = self._step.in_graph(self._pick(chunk, index), seeds[index])
        if self._rows is None:
            self._names = list(metrics)
            with tf.init_scope(), tf.device("CPU:0"):
                self._rows = tf.Variable(tf.zeros([self._count, len(metrics)]), trainable=False)
        row = tf.stack([tf.cast(value, tf.float32) for value in metrics.values()])
        finished = [self._rows[index].assign(row)]
        with tf.control_dependencies([row]):
            finished += [self._traced_keep()] if self._kept else []
        # Counted when the weights, the statistics and the row are those of the step.
        with tf.control_dependencies([*metrics.values(), *finished]):
            self._done.assign_add(1)
