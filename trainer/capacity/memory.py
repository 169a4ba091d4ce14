"""How much memory a training step takes, as arithmetic over a graph of operations; pure.

The graph is played through once forward and once backward. A tensor lives until the last operation
that needs it; what an operation's gradient needs lives until the backward pass has come there.
"""

import dataclasses
from collections.abc import Collection, Sequence


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
      workspace: further bytes for one example, while it is computed.
      gradient_workspace: the same, while its gradient is.
      is_compiled: whether XLA compiles it.
    """

    inputs: tuple[int, ...]
    output: int
    num_bytes: int
    trains: bool = False
    for_weights: tuple[int, ...] = ()
    for_inputs: tuple[int, ...] = ()
    in_place: bool = False
    workspace: int = 0
    gradient_workspace: int = 0
    is_compiled: bool = False


def peak_bytes_per_example(operations: Sequence[Operation]) -> int:
    """Returns the most bytes that are alive at one time of a training step, for one example.

    Args:
      operations: in an order in which they can be computed.
    """
    sizes = {operation.output: operation.num_bytes for operation in operations}
    backward = with_gradient(operations)
    kept_until = _kept_until(operations, backward)
    forward_peak = _forward_peak(operations, sizes, kept_until)
    return max(forward_peak, _backward_peak(operations, sizes, backward, kept_until))


def bytes_of_inference(operations: Sequence[Operation]) -> int:
    """Returns the same of a prediction, which keeps nothing for gradients."""
    return _forward_peak(operations, {op.output: op.num_bytes for op in operations}, ())


def with_gradient(operations: Sequence[Operation]) -> set[int]:
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
        peak = max(
            peak, sum(kept.values()) + sum(gradients.values()) + operation.gradient_workspace
        )
        del gradients[operation.output]
        for tensor in [tensor for tensor in kept if kept_until[tensor] == index]:
            del kept[tensor]
    return peak
