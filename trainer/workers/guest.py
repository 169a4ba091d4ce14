"""A worker that is not the chief: it calls the chief until that one says that all are there."""

import contextlib
import socket
import time
from collections.abc import Iterator

from tfrecords import exits
from trainer.workers import cluster as clusters
from trainer.workers import connection, waiting


class Guest:
    """A worker that is not the chief.

    Args:
      wait: its wait for the others.
    """

    def __init__(self, wait: waiting.Waiting):
        self._wait = wait
        self._own = {"index": wait.cluster.index, "workers": wait.digest}

    def report(self) -> None:
        """Waits for the chief's word to go on.

        Raises:
          UsageError: the chief does not want this worker.
          Over: the chief says so, or was lost or has not come.
        """
        for chief, reason in self._calls():
            if chief and self._is_let_in(chief):
                return
            try:
                self._wait.check()
            except exits.ERRORS as error:
                with contextlib.suppress(*exits.ERRORS):
                    self.tell(error)
                raise
            self._wait.look([f"{self._wait.name(0)} ({reason})"])

    def tell(self, error: exits.Error) -> None:
        """Tells the chief, if it comes in time, that this worker leaves with an error."""
        for (chief, _), _ in zip(self._calls(), self._wait.telling(), strict=False):
            if chief:
                chief.say(**self._own, leaves=connection.words_of(error))
                with contextlib.suppress(connection.Closed):
                    if chief.hear(connection.SAYING_SECONDS):
                        return

    def _calls(self) -> Iterator[tuple[connection.Connection | None, str]]:
        """Calls the chief again and again.

        Yields:
          A connection to it, or None; and what becomes of it.
        """
        host, _, port = self._wait.cluster.addresses[0].rpartition(":")
        address = host.strip("[]"), int(port)
        while True:
            try:
                chief = socket.create_connection(address, connection.SAYING_SECONDS)
            except TimeoutError:
                yield None, "no answer"
            except OSError as error:
                yield None, (error.strerror or str(error)).lower()
            else:
                with chief:
                    yield connection.Connection(chief), "connection closed"
            time.sleep(waiting.LOOK_EVERY_SECONDS)

    def _is_let_in(self, chief: connection.Connection) -> bool:
        """Tells the chief who this is; returns whether it says that all are there."""
        chief.say(**self._own, told=self._wait.told)
        absent = [f"{self._wait.name(0)} (no answer)"]
        is_known = False
        while True:
            try:
                said = chief.hear(waiting.LOOK_EVERY_SECONDS)
            except connection.Closed:
                if is_known:
                    raise self._wait.lost(0) from None
                return False
            if "go" in said:
                return True
            if "refused" in said:
                raise exits.UsageError(
                    f"Worker 0 does not want worker {self._wait.cluster.index}: {said['refused']}. "
                    f"{clusters.VARIABLE} must be the same for all workers, but for the index."
                )
            if "end" in said:
                raise waiting.Over(
                    connection.error_of(said["end"]),
                    is_to_come_again=said["end"]["is_to_come_again"],
                )
            absent, is_known = said.get("missing", absent), is_known or "missing" in said
            try:
                self._wait.check()
            except exits.ERRORS as error:
                chief.say(leaves=connection.words_of(error))
                raise
            self._wait.look(absent)
