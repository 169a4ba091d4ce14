"""How much memory a training step takes, as arithmetic over a graph of operations; pure.

The graph is played through once forward and once backward. A tensor lives until the last operation
that needs it; what an operation's gradient needs lives until the backward pass has come there.
"""

import dataclasses
import itertools
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


def peak_bytes_per_example(operations: Sequence[Operation], cuts: Sequence[int] = ()) -> int:
    """Returns the most bytes that are alive at one time of a training step, for one example.

    Args:
      operations: in an order in which they can be computed.
      cuts: tensors between which nothing is kept: what lies between the first and the last of them
        is computed again in the backward pass, from one to the next. See `segments`.
    """
    played = _Played(operations)
    peak = held = 0
    for number, part in enumerate(_parts(operations, cuts)):
        held += played.sizes[cuts[number - 1]] if number else 0
        if 0 < number < len(cuts):
            # Computed again, it stands beside the gradient of what comes out of it.
            gradient = operations[part[-1]].num_bytes
            again = gradient + played.forward_peak(part, played.kept_until)
            forward = max(again, played.forward_peak(part, ()))
        else:
            forward = played.forward_peak(part, played.kept_until)
        peak = max(peak, held + forward, held + played.backward_peak(part))
    return peak


def bytes_of_inference(operations: Sequence[Operation]) -> int:
    """Returns the same of a prediction, which keeps nothing for gradients."""
    return _Played(operations).forward_peak(range(len(operations)), ())


def computed_again(operations: Sequence[Operation], cuts: Sequence[int]) -> list[Operation]:
    """Returns the operations between the first and the last cut."""
    return [operations[index] for part in _parts(operations, cuts)[1:-1] for index in part]


def with_gradient(operations: Sequence[Operation]) -> set[int]:
    """Returns the indices of the operations that the backward pass goes through."""
    reached: set[int] = set()
    found = set()
    for index, operation in enumerate(operations):
        if operation.trains or reached.intersection(operation.inputs):
            reached.add(operation.output)
            found.add(index)
    return found


def kept_until(operations: Sequence[Operation]) -> dict[int, int]:
    """Returns by tensor the first operation whose gradient needs it: the last to be computed."""
    backward = with_gradient(operations)
    kept: dict[int, int] = {}
    made_with_gradient = {operations[index].output for index in backward}
    for index in sorted(backward, reverse=True):
        operation = operations[index]
        needed = operation.for_weights if operation.trains else ()
        if made_with_gradient.intersection(operation.inputs):
            needed += operation.for_inputs
        kept.update(dict.fromkeys(needed, index))
    return kept


def _parts(operations: Sequence[Operation], cuts: Sequence[int]) -> list[range]:
    """Returns the operations before the first cut, between each two, and after the last."""
    place = {operation.output: index for index, operation in enumerate(operations)}
    bounds = [0, *(place[tensor] + 1 for tensor in cuts), len(operations)]
    return [range(*ends) for ends in itertools.pairwise(bounds)]


class _Played:
    """What is alive while a part of the operations is played through."""

    def __init__(self, operations: Sequence[Operation]):
        self._operations = operations
        self.sizes = {operation.output: operation.num_bytes for operation in operations}
        self.kept_until = kept_until(operations)
        self._last_use = {tensor: i for i, op in enumerate(operations) for tensor in op.inputs}
        self._backward = with_gradient(operations)
        self._with_gradient = {operations[index].output for index in self._backward}

    def forward_peak(self, part: range, kept: Collection[int]) -> int:
        alive: dict[int, int] = {}
        peak = 0
        for index in part:
            operation = self._operations[index]
            inputs = set(operation.inputs)
            done = [t for t in inputs if self._last_use[t] == index and t not in kept]
            if operation.in_place and operation.inputs[0] in done:
                alive.pop(operation.inputs[0], None)
            alive[operation.output] = self.sizes[operation.output]
            peak = max(peak, sum(alive.values()) + operation.workspace)
            for tensor in done:
                alive.pop(tensor, None)
        return peak

    def backward_peak(self, part: range) -> int:
        made = {self._operations[index].output for index in part}
        kept = {
            tensor: self.sizes[tensor]
            for tensor, until in self.kept_until.items()
            if tensor in made and until in part
        }
        gradients: dict[int, int] = {}
        peak = 0
        for index in sorted(self._backward.intersection(part), reverse=True):
            operation = self._operations[index]
            gradients.setdefault(operation.output, operation.num_bytes)
            if operation.in_place:  # and so is its gradient
                gradients[operation.output] = 0
            for tensor in self._with_gradient.intersection(operation.inputs):
                gradients.setdefault(tensor, self.sizes[tensor])
            alive = sum(kept.values()) + sum(gradients.values())
            peak = max(peak, alive + operation.gradient_workspace)
            del gradients[operation.output]
            for tensor in [tensor for tensor in kept if self.kept_until[tensor] == index]:
                del kept[tensor]
        return peak
