"""What the processes of one training agree on.

Several workers run the same program, and what one of them leaves out the others wait for. So
whatever they could see differently, such as files, clocks and signals, is decided by the chief, the
first of them, or by all together. A process that trains alone agrees with itself at once.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from tfrecords import exits
from trainer.workers import cluster

_CHUNK_BYTES = 64 << 20  # 64 MiB of a message at a time
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)

Result = TypeVar("Result")


class Workers:
    """The workers of a training, this process among them.

    All of them must call the same methods in the same order.

    Attributes:
      index: of this process, from 0.
      count: of the workers.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
        found = cluster.from_environment() if several else None
        self.index, self.count = (found.index, found.count) if found else (0, 1)
        self._strategy = strategy
        self._traced_sum = tf.function(
            self._sum_of_replicas, input_signature=[tf.TensorSpec([None], tf.int64)]
        )

    @property
    def is_chief(self) -> bool:
        """Whether this process writes what the run leaves."""
        return self.index == 0

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Tells for each flag whether it is set in any worker."""
        if self.count == 1:
            return flags
        return tuple((self._sum(np.array(flags, np.int64)) > 0).tolist())

    def smallest(self, number: int) -> int:
        """Returns the smallest of the workers' numbers."""
        return int(min(np.min(numbers) for numbers in self.gather(np.array([number]))))

    def gather(self, values: np.ndarray) -> list[np.ndarray]:
        """Returns each worker's array, of the same shape and dtype in all."""
        if self.count == 1:
            return [values]
        words = _to_words(np.ascontiguousarray(values).tobytes())
        slots = np.zeros([self.count, len(words)], np.int64)
        slots[self.index] = words
        found = self._sum(slots.ravel()).reshape(slots.shape)
        return [
            np.frombuffer(row.tobytes()[: values.nbytes], values.dtype).reshape(values.shape)
            for row in found
        ]

    def concatenate(self, table: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Returns the rows of all workers, of which each has as many."""
        return {name: np.concatenate(self.gather(rows)) for name, rows in table.items()}

    def chief_decides(self, decide: Callable[[], Any]) -> Any:
        """Calls a function in the chief; returns in all what it returns, which JSON must know.

        Raises:
          UsageError, DataError, MachineError, Interrupted: in all, if the chief's call raises it.
        """
        if self.count == 1:
            return decide()
        if not self.is_chief:
            outcome = json.loads(self.from_chief(b""))
            if "error" in outcome:
                raise exits.KINDS[outcome["error"]](outcome["message"])
            return outcome["value"]
        try:
            value = decide()
        except exits.ERRORS as error:
            outcome = {"error": type(error).__name__, "message": str(error)}
            self.from_chief(json.dumps(outcome).encode())
            raise
        self.from_chief(json.dumps({"value": value}).encode())
        return value

    def chief_first(self, work: Callable[[], Result]) -> Result:
        """Calls a function in the chief, then in the others, for whom it may leave something."""
        results: list[Result] = []
        self.chief_decides(lambda: results.append(work()))
        return results[0] if self.is_chief else work()

    def take_from_chief(self, variables: Sequence[Any]) -> None:
        """Gives variables the values that they have in the chief, to the bit."""
        if self.count == 1:
            return
        arrays = [np.asarray(variable.numpy()) for variable in variables]
        sent = b"".join(array.tobytes() for array in arrays) if self.is_chief else b""
        received, start = self.from_chief(sent), 0
        for variable, array in zip(variables, arrays, strict=True):
            content = received[start : start + array.nbytes]
            start += array.nbytes
            variable.assign(np.frombuffer(content, array.dtype).reshape(array.shape))

    def from_chief(self, content: bytes) -> bytes:
        """Returns what the chief passes; what the others pass is ignored."""
        if self.count == 1:
            return content
        length = int(self._sum(np.array([len(content) if self.is_chief else 0]))[0])
        parts = []
        for start in range(0, length, _CHUNK_BYTES):
            size = min(_CHUNK_BYTES, length - start)
            words = _to_words(content[start : start + size] if self.is_chief else bytes(size))
            parts.append(self._sum(words).tobytes()[:size])
        return b"".join(parts)

    def _sum(self, values: np.ndarray) -> np.ndarray:
        """Returns the sum over the workers, int64 [n]; one that is not 0 alone stays to the bit."""
        found: np.ndarray = self._traced_sum(tf.constant(values, tf.int64)).numpy()
        return found

    def _sum_of_replicas(self, values: tf.Tensor) -> tf.Tensor:
        local = self._strategy.num_replicas_in_sync // self.count

        def of_replica(values: tf.Tensor) -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            speaks = context.replica_id_in_sync_group % local == 0
            return context.all_reduce("SUM", tf.where(speaks, values, tf.zeros_like(values)))

        return self._strategy.experimental_local_results(
            self._strategy.run(of_replica, args=(values,))
        )[0]


def _to_words(content: bytes) -> np.ndarray:
    return np.frombuffer(content + bytes(-len(content) % 8), np.int64)


def is_lost(error: tf.errors.OpError) -> bool:
    """Tells whether an error means that another worker is no longer there."""
    return isinstance(error, _LOST) or "Collective ops is aborted" in str(error)
