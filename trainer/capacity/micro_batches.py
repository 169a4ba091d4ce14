"""The sizes that a replica's batch can be cut into, pure.

All micro-batches of a step have the same size, so that a step is traced once, its memory is flat
and the statistics of batch norm rest on equally many examples. So the sizes are divisors of the
per-replica batch.
"""

from tfrecords import exits

AUTO = "auto"
MAX_STEP = 0.75  # of the size before: a smaller step would hardly save memory, and costs a retry


def sizes(per_replica_batch_size: int) -> list[int]:
    """Returns the sizes to try, the whole batch first, then ever smaller divisors, at last 1.

    Of 192: 192, 96, 64, 48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1.
    """
    found = [per_replica_batch_size]
    for size in range(per_replica_batch_size - 1, 0, -1):
        if per_replica_batch_size % size == 0 and size <= MAX_STEP * found[-1]:
            found.append(size)
    return found


def largest(per_replica_batch_size: int, at_most: float) -> int:
    """Returns the largest size that is not above a bound; 1 if there is none."""
    return next((size for size in sizes(per_replica_batch_size) if size <= at_most), 1)


def next_smaller(per_replica_batch_size: int, size: int) -> int | None:
    """Returns the size to try where `size` is too large, or None where it is 1."""
    return next((s for s in sizes(per_replica_batch_size) if s <= MAX_STEP * size), None)


def check(text: str) -> None:
    """Checks that a `--micro_batch` is `auto` or a number.

    Raises:
      UsageError: it is neither.
    """
    if text != AUTO and not (text.isdecimal() and int(text)):
        raise exits.UsageError(
            f"--micro_batch must be auto or a number above 0. Received: {text!r}."
        )


def asked_for(text: str, per_replica_batch_size: int) -> int | None:
    """Returns the size that a `--micro_batch` asks for, or None for `auto`.

    Raises:
      UsageError: it does not divide the per-replica batch.
    """
    if text == AUTO:
        return None
    size = int(text)
    if per_replica_batch_size % size:
        divisors = [
            n for n in range(1, per_replica_batch_size + 1) if not per_replica_batch_size % n
        ]
        raise exits.UsageError(
            f"--micro_batch must be auto or divide the {per_replica_batch_size} examples of each "
            f"replica: {', '.join(map(str, divisors))}. Received: {text}."
        )
    return size
