"""The memory of a training step as a sum: activations, weights and their copies, code; pure."""

import dataclasses
from collections.abc import Sequence

from trainer.capacity import memory

# What follows is measured on CPUs, see tests/benchmarks/README.md. Allocators and the workspaces of
# kernels take this on top of the activations themselves.
ACTIVATION_SAFETY = 1.5
# The same where parts of a network are computed again: they are cut so that all take about as much,
# and whichever is planned worst of them makes the peak.
RECOMPUTED_SAFETY = 1.8
# Gradients as they are computed, clipped, the weights from before the update for its norm, and what
# the optimizer makes on its way; the sum over several replicas is one more.
UPDATE_COPIES = 4.2
# What code and graphs take: at least, for each operation, and for its gradient.
OVERHEAD_BYTES = 230_000_000
OVERHEAD_BYTES_PER_OPERATION = 270_000
OVERHEAD_BYTES_PER_GRADIENT = 600_000
# What is compiled for each operation that XLA has to do with.
COMPILED_BYTES = 5_000_000
USABLE = 0.9  # of a device's memory; the driver and fragmentation take the rest


def overhead(operations: Sequence[memory.Operation], cuts: Sequence[int] = ()) -> int:
    """Returns the bytes that code and graphs take, whatever the number of examples.

    Args:
      operations: of the network as it trains now.
      cuts: between which they are computed twice, see `memory`.
    """
    backward = memory.with_gradient(operations)
    computed = [*operations, *memory.computed_again(operations, cuts)]
    num_compiled = sum(operation.is_compiled for operation in computed)
    num_compiled += 2 * sum(operations[index].is_compiled for index in backward)
    return (
        OVERHEAD_BYTES
        + OVERHEAD_BYTES_PER_OPERATION * len(computed)
        + OVERHEAD_BYTES_PER_GRADIENT * len(backward)
        + COMPILED_BYTES * num_compiled
    )


@dataclasses.dataclass(frozen=True)
class Estimate:
    """The memory that a phase takes on a device, in bytes.

    Attributes:
      parameters, trainable_parameters: their numbers.
      activations_per_example: of a training step, see `peak_bytes_per_example`.
      overhead: of code and graphs.
      kept_copies: of the trainable weights, by the optimizer and beside it.
      num_replicas: whose gradients are summed up.
      in_half: whether the weights are cast to half precision.
      recomputes: whether activations are computed again.
      inference: what predictions, or the features of a frozen backbone, take at a time.
    """

    parameters: int
    trainable_parameters: int
    activations_per_example: int
    overhead: int = 0
    kept_copies: int = 2
    num_replicas: int = 1
    in_half: bool = False
    recomputes: bool = False
    inference: int = 0

    @property
    def weights(self) -> int:
        """The weights, float32, and their casts."""
        return (6 if self.in_half else 4) * self.parameters

    @property
    def gradients(self) -> int:
        """The gradients."""
        return 4 * self.trainable_parameters

    @property
    def optimizer(self) -> int:
        """What the optimizer keeps, and what is kept beside it."""
        return self.gradients * self.kept_copies

    def total(self, micro_batch: int, *, in_pieces: bool = False) -> int:
        """Returns the peak at a micro-batch; `in_pieces` if it is not the whole batch.

        It comes with the gradients, with the update, or with predictions, which follow upon each
        other.
        """
        gradients = self.gradients + micro_batch * self._activations
        inference = ACTIVATION_SAFETY * self.inference
        return int(self._kept(in_pieces) + max(gradients, self._update, inference))

    def largest_micro_batch(self, device_memory: int) -> int:
        """Returns how many examples fit at a time; 0 if not even one does."""
        left = USABLE * device_memory - self._kept(in_pieces=True)
        if left < self._update:
            return 0
        return max(0, int((left - self.gradients) / self._activations))

    def largest_inference(self, device_memory: int, bytes_per_example: int) -> int:
        """Returns how many examples fit at a time that are predicted, at least 1."""
        left = USABLE * device_memory - self._kept(in_pieces=True)
        return max(1, int(left / (ACTIVATION_SAFETY * bytes_per_example)))

    def _kept(self, in_pieces: bool) -> int:
        """Returns what is there all the time; gradients of several micro-batches are summed up."""
        sums = self.gradients if in_pieces else 0
        return self.weights + self.optimizer + sums + self.overhead

    @property
    def _activations(self) -> float:
        safety = RECOMPUTED_SAFETY if self.recomputes else ACTIVATION_SAFETY
        return safety * self.activations_per_example

    @property
    def _update(self) -> float:
        return self.gradients * (UPDATE_COPIES + (self.num_replicas > 1))
