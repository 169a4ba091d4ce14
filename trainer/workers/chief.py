"""The chief of a meeting: it listens until all others have told it who they are."""

import contextlib
import errno
import os
import socket
from typing import Any

from tfrecords import exits
from trainer.workers import cluster as clusters
from trainer.workers import connection, waiting


def listening(cluster: clusters.Cluster) -> socket.socket:
    """Returns what listens at the address of this worker.

    Raises:
      MachineError: another program does.
    """
    own = cluster.addresses[cluster.index]
    port = int(own.rpartition(":")[2])
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    try:
        server = socket.create_server(("", port), family=family, dualstack_ipv6=both)
    except OSError as error:
        reason = os.strerror(error.errno or errno.EADDRINUSE)
        raise exits.MachineError(
            f"Worker {cluster.index} cannot listen at {own}, its address in {clusters.VARIABLE}: "
            f"{reason}. End the program that does, or choose another port on all workers."
        ) from error
    server.settimeout(waiting.LOOK_EVERY_SECONDS)
    return server


class Chief:
    """The chief.

    Args:
      wait: its wait for the others.
    """

    def __init__(self, wait: waiting.Waiting):
        self._wait = wait
        self._present: dict[int, connection.Connection] = {}

    def gather(self) -> None:
        """Waits for the others, and tells them to go on.

        Raises:
          Over: one was lost or has left, or they have not come.
        """
        with contextlib.ExitStack() as closing:
            server = closing.enter_context(listening(self._wait.cluster))
            try:
                self._wait_for_others(server, closing)
            except waiting.Over as over:
                again = over.is_to_come_again
                end = connection.words_of(over.error, is_to_come_again=again)
                self._tell(end=end)
                if not again:
                    self._tell_who_comes(server, closing, end)
                raise
            except exits.ERRORS as error:
                self._tell(end=connection.words_of(self._wait.left(0, error)))
                raise
            server.close()  # before TensorFlow opens it
            self._tell(go=None)

    def tell(self, error: exits.Error) -> None:
        """Tells whoever comes in time that the chief leaves with an error."""
        with contextlib.ExitStack() as closing:
            server = closing.enter_context(listening(self._wait.cluster))
            end = connection.words_of(self._wait.left(0, error))
            self._tell_who_comes(server, closing, end)

    def _tell_who_comes(
        self, server: socket.socket, closing: contextlib.ExitStack, end: dict[str, Any]
    ) -> None:
        """Tells those who come in time that nobody is to wait any more, unless a signal comes."""
        absent = self._wait.cluster.others.keys() - self._present.keys()
        with contextlib.suppress(*exits.ERRORS):
            for _ in self._wait.telling():
                if not absent:
                    return
                with contextlib.suppress(TimeoutError):
                    other = connection.Connection(closing.enter_context(server.accept()[0]))
                    absent.discard(self._greeted(other).get("index", 0))
                    other.say(end=end)

    def _wait_for_others(self, server: socket.socket, closing: contextlib.ExitStack) -> None:
        told: list[str] = []
        while absent := self._absent():
            if absent != told:
                self._tell(missing=absent)
                told = absent
            self._wait.check()
            self._wait.look(absent)
            with contextlib.suppress(TimeoutError):
                self._admit(closing.enter_context(server.accept()[0]))

    def _absent(self) -> list[str]:
        """Returns the names of those who are not there, if nobody else has left."""
        for index, other in self._present.items():
            try:
                self._obey(index, other.hear(0))
            except connection.Closed:
                raise self._wait.lost(index) from None
        others = self._wait.cluster.others
        return [self._wait.name(index) for index in others if index not in self._present]

    def _tell(self, **words: Any) -> None:
        for other in self._present.values():
            other.say(**words)

    def _admit(self, accepted: socket.socket) -> None:
        """Lets a worker in, if it is one."""
        other = connection.Connection(accepted)
        said = self._greeted(other)
        if not said:
            return
        index = said["index"]
        self._present[index] = other
        self._obey(index, said)
        if changes := self._changes(said.get("told")):
            raise waiting.Over(
                exits.UsageError(
                    f"Worker 0 and {self._wait.name(index)} were told different things: {changes}. "
                    "Flags, dataset and the number of GPUs must be the same for all workers; "
                    "--devices chooses among the GPUs of a machine."
                )
            )

    def _greeted(self, other: connection.Connection) -> dict[str, Any]:
        """Returns what a worker says of itself; `{}` where it is none of those waited for."""
        try:
            said = other.hear(connection.SAYING_SECONDS)
        except connection.Closed:
            return {}
        index = said.get("index")
        if not isinstance(index, int):
            return {}  # some other program
        if said.get("workers") != self._wait.digest or index not in self._wait.cluster.others:
            refusal = f"its {clusters.VARIABLE} names other workers than that of worker 0"
        elif index in self._present:
            refusal = f"another process is worker {index} already"
        else:
            return said
        print(f"Worker {index} was sent away: {refusal}.", flush=True)
        other.say(refused=refusal)
        return {}

    def _obey(self, index: int, said: dict[str, Any]) -> None:
        if "leaves" in said:
            raise waiting.Over(self._wait.left(index, connection.error_of(said["leaves"])))

    def _changes(self, told: Any) -> str:
        """Says how what the chief was told differs from what another worker was told."""
        own, other = self._wait.told, told if isinstance(told, dict) else {}
        return ", ".join(
            f"{name} {own.get(name)} and {other.get(name)}"
            for name in sorted(own.keys() | other.keys())
            if other.get(name) != own.get(name)
        )
