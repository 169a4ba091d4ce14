"""A step that is repeated with a smaller micro-batch when memory runs out."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfrecords import exits
from trainer.capacity import micro_batches
from trainer.running import steps


class Transaction:
    """Calls a step until it succeeds, with an ever smaller micro-batch.

    The step that fails has changed nothing, so that the run goes on to the bit as one whose
    micro-batch was the smaller one from this step on.

    Args:
      step: of a phase.
      per_replica_batch_size: whose divisors are the sizes to try.
      on_smaller: called with the new size.
      on_end: called with it where the step cannot be done again by this process.
      remedy: returns what to change where memory does not suffice for one example.
    """

    def __init__(
        self,
        step: steps.TrainStep,
        *,
        per_replica_batch_size: int,
        on_smaller: Callable[[int], None],
        on_end: Callable[[int], None] = lambda size: None,
        remedy: Callable[[], str],
    ):
        self._step = step
        self._per_replica_batch_size = per_replica_batch_size
        self._on_smaller = on_smaller
        self._on_end = on_end
        self._remedy = remedy

    def __call__(self, batch: steps.Batch, seed: tf.Tensor) -> dict[str, Any]:
        """Trains on a global batch; see `steps.TrainStep`.

        Raises:
          MachineError: memory does not suffice for one example.
          Interrupted: it ran out in what several workers did together.
        """
        while True:
            try:
                return self._step(batch, seed)
            except steps.OutOfMemory as error:
                self._make_smaller(error)

    def _make_smaller(self, error: steps.OutOfMemory) -> None:
        size = self._step.micro_batch
        smaller = micro_batches.next_smaller(self._per_replica_batch_size, size)
        if smaller is None:
            raise exits.MachineError(
                f"A device ran out of memory with one example at a time. {self._remedy()}"
            ) from error
        if isinstance(error, steps.OutOfMemoryTogether):
            self._on_end(smaller)
            raise exits.Interrupted(
                f"A device ran out of memory with micro-batches of {size}, in a batch norm over "
                "all workers, which cannot be done again. Run the same command again on each of "
                f"them: training goes on from the last checkpoint with micro-batches of {smaller}."
            ) from error
        self._step.micro_batch = smaller
        self._on_smaller(smaller)
