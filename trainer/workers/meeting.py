"""Workers meet here before TensorFlow connects them: it says nothing while it waits for them.

Nor does it let go of Python's interpreter meanwhile, so that no signal is obeyed. So the chief
listens at its address first, and each of the others tells it who it is; when all are there, all go
on, within moments of each other. One who leaves says why, and one whose connection closes is lost:
the chief tells the others, and nobody waits any longer.
"""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from tfrecords import exits
from trainer.workers import chief, guest, waiting
from trainer.workers import cluster as clusters


class Meeting:
    """The meeting of the workers of a training.

    Args:
      cluster: this worker and the others.
      told: what must be the same for all, by name; JSON must know it.
      check: called some times a second; may raise to stop.
      on_end: called where another worker has not come, or was lost.
    """

    def __init__(
        self,
        cluster: clusters.Cluster,
        told: Mapping[str, Any] | None = None,
        *,
        check: Callable[[], None] = lambda: None,
        on_end: Callable[[], None] = lambda: None,
    ):
        self._cluster = cluster
        self._wait = waiting.Waiting(cluster, told or {}, check)
        self._on_end = on_end

    def wait_for_all(self) -> None:
        """Returns when all workers are there.

        Raises:
          Interrupted: they are not, after some minutes, or one was lost.
          MachineError: another program listens at the address of this worker.
          UsageError: the chief knows of other workers, or of another one in the place of this, or
            one was told something else than the chief.
          UsageError, DataError, MachineError, Interrupted: another worker has left with that.
        """
        print(f"{self._this} is here, and waits for the others.", flush=True)
        try:
            if self._cluster.index:
                self._check_port()
                guest.Guest(self._wait).report()
            else:
                chief.Chief(self._wait).gather()
        except waiting.Over as over:
            if over.is_to_come_again:
                self._on_end()
            raise over.error from None

    def call_off(self, error: exits.Error) -> None:
        """Tells the others that this worker leaves, as far as they come within some seconds.

        Args:
          error: with which it does.
        """
        print(
            f"{self._this} cannot take part, and tells the others why. That takes "
            f"{waiting.TELLING_SECONDS:.0f} s at most.",
            flush=True,
        )
        role = guest.Guest(self._wait) if self._cluster.index else chief.Chief(self._wait)
        # A signal, or a port that is taken, is no news beside the error itself.
        with contextlib.suppress(*exits.ERRORS):
            role.tell(error)

    @property
    def _this(self) -> str:
        return f"Worker {self._cluster.index} of {self._cluster.count}"

    def _check_port(self) -> None:
        """Makes sure that TensorFlow will be able to listen at the address of this worker."""
        try:
            chief.listening(self._cluster).close()
        except exits.MachineError as error:
            self.call_off(error)
            raise
