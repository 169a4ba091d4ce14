"""Several workers in one process: a thread for each, and a sum in memory for the collective."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.workers import agreement

ALONE = agreement.Workers(tf.distribute.get_strategy())


class _Worker(agreement.Workers):
    def __init__(self, index: int, count: int, barrier: threading.Barrier, slots: list[Any]):
        self.index, self.count = index, count
        self._barrier, self._slots = barrier, slots

    def _sum(self, values: np.ndarray) -> np.ndarray:
        self._slots[self.index] = values
        self._barrier.wait(timeout=60)
        total = np.sum(self._slots, axis=0)
        self._barrier.wait(timeout=60)
        return total


def together(count: int, work: Callable[[agreement.Workers], Any]) -> list[Any]:
    """Returns what the work gives in each worker: its result, or the exception that it raises."""
    barrier, slots = threading.Barrier(count), [None] * count
    results: list[Any] = [None] * count

    def run(index: int) -> None:
        try:
            results[index] = work(_Worker(index, count, barrier, slots))
        except Exception as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
