"""How much memory a training step takes, as arithmetic over a graph of operations; pure.

The graph is played through once forward and once backward. A tensor lives until the last operation
that needs it; what an operation's gradient needs lives until the backward pass has come there.
"""

import dataclasses
from collections.abc import Collection, Sequence

ADAM_SLOTS = 2  # copies of the trainable weights in Adam and AdamW: the two moments
GRADIENT_COPIES = 2  # as computed, and summed over replicas and clipped
# Measured on CPUs, see tests/benchmarks/README.md: what allocators and the kernels' workspaces take
# on top of the activations themselves, and what code, graphs and prepared kernels take.
ACTIVATION_SAFETY = 1.4
OVERHEAD_BYTES = 150_000_000
OVERHEAD_BYTES_PER_OPERATION = 400_000
USABLE = 0.9  # of a device's memory; the driver and fragmentation take the rest


@dataclasses.dataclass(frozen=True)
class Operation:
    """A node of the graph. Tensors are told apart by number.

    Attributes:
      inputs: the tensors that it reads.
      output: the tensor that it makes.
      num_bytes: of the output, for one example.
      trains: whether it has weights that train.
      for_weights: the tensors that the gradient of its weights needs.
      for_inputs: the tensors that the gradient of its inputs needs.
      in_place: whether it overwrites its first input where nobody else needs it.
      workspace: further bytes for one example, while it or its gradient is computed.
    """

    inputs: tuple[int, ...]
    output: int
    num_bytes: int
    trains: bool = False
    for_weights: tuple[int, ...] = ()
    for_inputs: tuple[int, ...] = ()
    in_place: bool = False
    workspace: int = 0


def peak_bytes_per_example(operations: Sequence[Operation]) -> int:
    """Returns the most bytes that are alive at one time, for one example.

    Args:
      operations: in an order in which they can be computed.
    """
    sizes = {operation.output: operation.num_bytes for operation in operations}
    backward = _with_gradient(operations)
    kept_until = _kept_until(operations, backward)
    forward_peak = _forward_peak(operations, sizes, kept_until)
    return max(forward_peak, _backward_peak(operations, sizes, backward, kept_until))


def _with_gradient(operations: Sequence[Operation]) -> set[int]:
    """Returns the indices of the operations that the backward pass goes through."""
    reached: set[int] = set()
    found = set()
    for index, operation in enumerate(operations):
        if operation.trains or reached.intersection(operation.inputs):
            reached.add(operation.output)
            found.add(index)
    return found


def _kept_until(operations: Sequence[Operation], backward: Collection[int]) -> dict[int, int]:
    """Returns by tensor the first operation whose gradient needs it: the last to be computed."""
    kept: dict[int, int] = {}
    made_with_gradient = {operations[index].output for index in backward}
    for index in sorted(backward, reverse=True):
        operation = operations[index]
        needed = operation.for_weights if operation.trains else ()
        if made_with_gradient.intersection(operation.inputs):
            needed += operation.for_inputs
        kept.update(dict.fromkeys(needed, index))
    return kept


def _forward_peak(
    operations: Sequence[Operation], sizes: dict[int, int], kept: Collection[int]
) -> int:
    last_use = {tensor: i for i, op in enumerate(operations) for tensor in op.inputs}
    alive: dict[int, int] = {}
    peak = 0
    for index, operation in enumerate(operations):
        done = [t for t in set(operation.inputs) if last_use[t] == index and t not in kept]
        if operation.in_place and operation.inputs[0] in done:
            alive.pop(operation.inputs[0], None)
        alive[operation.output] = sizes[operation.output]
        peak = max(peak, sum(alive.values()) + operation.workspace)
        for tensor in done:
            alive.pop(tensor, None)
    return peak


def _backward_peak(
    operations: Sequence[Operation],
    sizes: dict[int, int],
    backward: Collection[int],
    kept_until: dict[int, int],
) -> int:
    made_with_gradient = {operations[index].output for index in backward}
    kept = {tensor: sizes.get(tensor, 0) for tensor in kept_until}
    gradients: dict[int, int] = {}
    peak = 0
    for index in sorted(backward, reverse=True):
        operation = operations[index]
        gradients.setdefault(operation.output, operation.num_bytes)
        for tensor in made_with_gradient.intersection(operation.inputs):
            gradients.setdefault(tensor, sizes[tensor])
        peak = max(peak, sum(kept.values()) + sum(gradients.values()) + operation.workspace)
        del gradients[operation.output]
        for tensor in [tensor for tensor in kept if kept_until[tensor] == index]:
            del kept[tensor]
    return peak


@dataclasses.dataclass(frozen=True)
class Estimate:
    """The memory that a phase takes on a device, in bytes.

    Attributes:
      parameters, trainable_parameters: their numbers.
      activations_per_example: see `peak_bytes_per_example`.
      num_operations: of the graph.
      kept_copies: of the trainable weights, by the optimizer and beside it.
    """

    parameters: int
    trainable_parameters: int
    activations_per_example: int
    num_operations: int = 0
    kept_copies: int = ADAM_SLOTS

    @property
    def weights(self) -> int:
        """The weights, float32."""
        return 4 * self.parameters

    @property
    def gradients(self) -> int:
        """The gradients, in all copies."""
        return 4 * self.trainable_parameters * GRADIENT_COPIES

    @property
    def optimizer(self) -> int:
        """What the optimizer keeps, and what is kept beside it."""
        return 4 * self.trainable_parameters * self.kept_copies

    def total(self, micro_batch: int, *, in_pieces: bool = False) -> int:
        """Returns the peak at a micro-batch; `in_pieces` if it is not the whole batch.

        Gradients of several micro-batches are summed in a further copy.
        """
        sums = 4 * self.trainable_parameters if in_pieces else 0
        overhead = OVERHEAD_BYTES + OVERHEAD_BYTES_PER_OPERATION * self.num_operations
        activations = ACTIVATION_SAFETY * micro_batch * self.activations_per_example
        return int(self.weights + self.gradients + self.optimizer + sums + activations + overhead)

    def largest_micro_batch(self, device_memory: int) -> int:
        """Returns how many examples fit at a time; 0 if not even one does."""
        left = USABLE * device_memory - self.total(0, in_pieces=True)
        return max(0, int(left / (ACTIVATION_SAFETY * self.activations_per_example)))
