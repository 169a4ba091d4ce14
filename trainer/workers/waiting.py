"""What all workers do while they wait for each other, and how the wait ends where not all come."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tfrecords import exits
from trainer.workers import cluster as clusters

LIMIT_SECONDS = 600.0
LONGER_SECONDS = 10.0  # that the others wait, so that the chief gives up for all
SAID_EVERY_SECONDS = 30.0
LOOK_EVERY_SECONDS = 0.2
TELLING_SECONDS = 30.0  # in which one who leaves may tell the others


class Over(Exception):  # noqa: N818 - becomes its error
    """The wait ends for all.

    Args:
      error: that it ends with.
      is_to_come_again: whether a supervisor is to start the workers again.
    """

    def __init__(self, error: exits.Error, *, is_to_come_again: bool = False):
        super().__init__(str(error))
        self.error = error
        self.is_to_come_again = is_to_come_again


class Waiting:
    """The wait of one worker.

    Args:
      cluster: this worker and the others.
      told: what must be the same for all, by name; JSON must know it.
      check: called some times a second; may raise to stop.
    """

    def __init__(
        self, cluster: clusters.Cluster, told: Mapping[str, Any], check: Callable[[], None]
    ):
        self.cluster = cluster
        self.told = json.loads(json.dumps(told))
        self.check = check
        self._start = self._said = time.monotonic()

    @property
    def digest(self) -> str:
        """A hash of the workers."""
        return hashlib.sha256(json.dumps(self.cluster.addresses).encode()).hexdigest()

    def name(self, index: int) -> str:
        """Returns how a worker is called."""
        return f"worker {index} at {self.cluster.addresses[index]}"

    def look(self, absent: Sequence[str]) -> None:
        """Looks at the clock, and says from time to time who is absent.

        Raises:
          Over: they have been waited for in vain.
        """
        now, index = time.monotonic(), self.cluster.index
        if now - self._start > LIMIT_SECONDS + (LONGER_SECONDS if index else 0):
            raise Over(
                exits.Interrupted(
                    f"Worker {index} has waited {LIMIT_SECONDS / 60:g} minutes in vain for "
                    f"{', '.join(absent)}. Start all workers at about the same time, at the "
                    f"addresses of {clusters.VARIABLE}: run the same command again on each."
                ),
                is_to_come_again=True,
            )
        if now - self._said > SAID_EVERY_SECONDS:
            self._said = now
            print(
                f"Waiting for {', '.join(absent)}: {now - self._start:.0f} s of at most "
                f"{LIMIT_SECONDS:.0f} s.",
                flush=True,
            )

    def telling(self) -> Iterator[None]:
        """Yields once, and again while there is time to tell others something."""
        end = time.monotonic() + TELLING_SECONDS
        while True:
            yield
            self.check()
            if time.monotonic() > end:
                return

    def left(self, index: int, error: exits.Error) -> exits.Error:
        """Returns the error of those who hear that a worker leaves with one."""
        return type(error)(
            f"Training cannot start without {self.name(index)}, which has left: {error}"
        )

    def lost(self, index: int) -> Over:
        """Returns what to raise where a worker has closed its connection without a word."""
        return Over(
            exits.Interrupted(
                f"Training cannot start without {self.name(index)}, which was lost while the "
                "workers waited for each other. Run the same command again on each of them."
            ),
            is_to_come_again=True,
        )
