"""How often each class comes in an epoch in which all come equally often; pure."""

from collections.abc import Sequence


def quotas(counts: Sequence[int]) -> list[int]:
    """Returns for each class how many examples an epoch has of it.

    They differ by one at the most, and are as many as there are examples. A class that has no
    examples stays without.

    Args:
      counts: of the examples of each class.
    """
    present = [index for index, count in enumerate(counts) if count]
    found = [0] * len(counts)
    for place, index in enumerate(present):
        share, rest = divmod(sum(counts), len(present))
        found[index] = share + (place < rest)
    return found
