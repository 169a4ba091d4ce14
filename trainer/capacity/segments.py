"""Where to cut a network whose activations are computed again in the backward pass; pure.

Of a segment its input is kept and nothing else, and one segment at a time is computed again. The
more segments there are, the more inputs are kept and the smaller is each of them. Source: Chen et
al. 2016, "Training Deep Nets with Sublinear Memory Cost" (arXiv:1604.06174), algorithm 3.
"""

from collections.abc import Collection, Sequence

from trainer.capacity import memory

# What promises less is not worth computing almost everything twice. Measured on a CPU: where this
# was .72, the peak of the training did not fall at all.
WORTH = 0.7  # of what a step takes without cuts


def choose(operations: Sequence[memory.Operation], places: Collection[int]) -> tuple[int, ...]:
    """Returns the tensors to cut at, in order: those with which a training step takes the least.

    The first segment begins with the first cut, and the last one ends with the last cut. What
    comes before needs no gradient; what comes behind is not worth forgetting, as the backward pass
    begins with it.

    Args:
      operations: of the network as it trains now, see `memory`.
      places: the tensors at which it may be cut.

    Returns:
      Two or more tensors; none where little is gained.
    """
    bottlenecks = _bottlenecks(operations, places)
    best: tuple[int, ...] = ()
    least = WORTH * memory.peak_bytes_per_example(operations)
    needed = memory.kept_until(operations)
    kept = [op.num_bytes if op.output in needed else 0 for op in operations]
    counts = range(2, len(bottlenecks) + 1)
    for indices in dict.fromkeys(_cut(kept, bottlenecks, count) for count in counts):
        cuts = tuple(operations[index].output for index in indices)
        if len(cuts) > 1 and (peak := memory.peak_bytes_per_example(operations, cuts)) < least:
            best, least = cuts, peak
    return best


def _bottlenecks(operations: Sequence[memory.Operation], places: Collection[int]) -> list[int]:
    """Returns the indices of operations behind which their output alone is needed.

    Beside it there may be what comes from outside. They begin with the last one before the first
    operation that has a gradient.
    """
    last_use = {tensor: i for i, op in enumerate(operations) for tensor in op.inputs}
    first = min(memory.with_gradient(operations), default=len(operations))
    found: list[int] = []
    needed_until = -1  # of what the operations before have made
    for index, operation in enumerate(operations):
        if operation.output in places and needed_until <= index:
            found = [index] if index < first else [*found, index]
        if operation.inputs:
            needed_until = max(needed_until, last_use.get(operation.output, index))
    return found


def _cut(kept: Sequence[int], bottlenecks: Sequence[int], count: int) -> tuple[int, ...]:
    """Returns which of the bottlenecks to cut at for about so many segments, all about as large.

    Args:
      kept: the bytes that are kept of each operation where nothing is cut.
      bottlenecks: the indices of operations.
      count: of the segments.
    """
    enough = sum(kept[bottlenecks[0] + 1 :]) / count
    cuts = list(bottlenecks[:1])
    for index in bottlenecks[1:]:
        if sum(kept[cuts[-1] + 1 : index + 1]) >= enough:
            cuts.append(index)
    return tuple(cuts)
