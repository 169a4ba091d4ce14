"""The memory of a training step as a sum: activations, weights and their copies, code; pure."""

import dataclasses
from collections.abc import Sequence

from trainer.capacity import memory

# What follows is measured on CPUs, see tests/benchmarks/README.md.
#
# TensorFlow's allocator takes memory in regions, each twice as large as the one before, and gives
# none back. A tensor that finds no place between others goes elsewhere, and which ones do follows
# from the order in which threads come by the operations: it differs from run to run, and from step
# to step. So much more than what is alive is held at most,
SCATTERED = 0.25
# and so much more again in the first regions, which are too small for large tensors.
SCATTERED_AT_FIRST = 0.3
SCATTERED_AT_FIRST_BYTES = 180_000_000
# Of a forward pass that keeps nothing: few tensors are alive, and one that goes elsewhere is much.
FORWARD_SAFETY = 1.05
# Gradients as they are computed, clipped, the weights from before the update for its norm, and what
# the optimizer makes on its way; the sum over several replicas is one more.
UPDATE_COPIES = 4.2
# What code and graphs take: at least, for each operation, and for the gradient and the update of
# each weight that trains.
OVERHEAD_BYTES = 150_000_000
OVERHEAD_BYTES_PER_OPERATION = 250_000
OVERHEAD_BYTES_PER_WEIGHT = 1_000_000
# What is compiled for each operation that XLA has to do with.
COMPILED_BYTES = 5_000_000
USABLE = 0.9  # of a device's memory; the driver and fragmentation take the rest


def overhead(
    operations: Sequence[memory.Operation], num_weights: int, cuts: Sequence[int] = ()
) -> int:
    """Returns the bytes that code and graphs take, whatever the number of examples.

    Args:
      operations: of the network as it trains now.
      num_weights: tensors of them that train, of the head, too.
      cuts: between which they are computed twice, see `memory`.
    """
    computed = [*operations, *memory.computed_again(operations, cuts)]
    num_compiled = sum(operation.is_compiled for operation in computed)
    backward = memory.with_gradient(operations)
    num_compiled += 2 * sum(operations[index].is_compiled for index in backward)
    return (
        OVERHEAD_BYTES
        + OVERHEAD_BYTES_PER_OPERATION * len(computed)
        + OVERHEAD_BYTES_PER_WEIGHT * num_weights
        + COMPILED_BYTES * num_compiled
    )


@dataclasses.dataclass(frozen=True)
class Estimate:
    """The memory that a phase takes on a device, in bytes.

    Attributes:
      parameters, trainable_parameters: their numbers.
      activations_per_example: of a training step, see `peak_bytes_per_example`.
      forward_per_example: of its forward pass, where that keeps nothing.
      overhead: of code and graphs.
      kept_copies: of the trainable weights, by the optimizer and beside it.
      num_replicas: whose gradients are summed up.
      in_half: whether the weights are cast to half precision.
      inference: what predictions, or the features of a frozen backbone, take at a time.
    """

    parameters: int
    trainable_parameters: int
    activations_per_example: int
    forward_per_example: int = 0
    overhead: int = 0
    kept_copies: int = 2
    num_replicas: int = 1
    in_half: bool = False
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
        weights = self._weights(in_pieces)
        training = _held(weights + self.gradients + micro_batch * self._activations)
        inference = _held(weights + FORWARD_SAFETY * self.inference)
        return int(self._kept + max(training, weights + self._update, inference))

    def largest_micro_batch(self, device_memory: int) -> int:
        """Returns how many examples fit at a time; 0 if not even one does."""
        left, weights = USABLE * device_memory - self._kept, self._weights(in_pieces=True)
        if left < weights + self._update:
            return 0
        return max(0, int((_alive(left) - weights - self.gradients) / self._activations))

    def largest_inference(self, device_memory: int, bytes_per_example: int) -> int:
        """Returns how many examples fit at a time that are predicted, at least 1."""
        left = _alive(USABLE * device_memory - self._kept) - self._weights(in_pieces=True)
        return max(1, int(left / (FORWARD_SAFETY * bytes_per_example)))

    @property
    def _kept(self) -> int:
        """What is there all the time, and stays where it is."""
        return self.optimizer + self.overhead

    def _weights(self, in_pieces: bool) -> int:
        """Returns the weights; the gradients of several micro-batches are summed up beside them."""
        return self.weights + (self.gradients if in_pieces else 0)

    @property
    def _activations(self) -> float:
        # A frozen backbone, or most of one, keeps nothing.
        return max(self.activations_per_example, FORWARD_SAFETY * self.forward_per_example)

    @property
    def _update(self) -> float:
        return self.gradients * (UPDATE_COPIES + (self.num_replicas > 1))


def _held(alive: float) -> float:
    """Returns the bytes that the allocator holds for what is alive."""
    return (1 + SCATTERED) * alive + min(SCATTERED_AT_FIRST * alive, SCATTERED_AT_FIRST_BYTES)


def _alive(held: float) -> float:
    """Returns what may be alive in what the allocator holds; the inverse of `_held`."""
    few = held / (1 + SCATTERED + SCATTERED_AT_FIRST)
    return max(few, (held - SCATTERED_AT_FIRST_BYTES) / (1 + SCATTERED))
