"""Workers meet here before TensorFlow connects them: it says nothing while it waits for them.

Nor does it let go of Python's interpreter meanwhile, so that no signal is obeyed. So the chief
listens at its address first, and each of the others tells it who it is; when all are there, all go
on, within moments of each other. A line of JSON is what one says to another.
"""

import contextlib
import errno
import hashlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from tfrecords import exits
from trainer.workers import cluster as clusters

LIMIT_SECONDS = 600.0
_LONGER_SECONDS = 10.0  # that the others wait, so that the chief gives up for all
SAID_EVERY_SECONDS = 30.0
_LOOK_EVERY_SECONDS = 0.2
_ANSWER_SECONDS = 2.0
_LONGEST_LINE = 1 << 16
# What the chief says to a worker.
_GO, _MISSING, _GIVEN_UP, _REFUSED = "go", "missing", "given up", "refused"


class Meeting:
    """The meeting of the workers of a training.

    Args:
      cluster: this worker and the others.
      told: what must be the same for all, by name; JSON must know it.
      check: called some times a second; may raise to stop.
      on_end: called where not all have come.
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
        self._told = json.loads(json.dumps(told or {}))
        self._check = check
        self._on_end = on_end
        self._present: dict[int, socket.socket] = {}  # the chief's connections to the others
        self._start = self._said = time.monotonic()

    def wait_for_all(self) -> None:
        """Returns when all workers are there.

        Raises:
          Interrupted: they are not, after some minutes.
          MachineError: another program listens at the address of this worker.
          UsageError: the chief knows of other workers, of another one in the place of this, or was
            told something else.
        """
        print(
            f"Worker {self._cluster.index} of {self._cluster.count} is here, and waits for the "
            "others.",
            flush=True,
        )
        if self._cluster.index:
            self._open_port().close()  # TensorFlow will need it
            self._report()
        else:
            self._gather()

    def _open_port(self) -> socket.socket:
        own = self._cluster.addresses[self._cluster.index]
        port = int(own.rpartition(":")[2])
        both = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if both else socket.AF_INET
        try:
            return socket.create_server(("", port), family=family, dualstack_ipv6=both)
        except OSError as error:
            reason = os.strerror(error.errno or errno.EADDRINUSE)
            raise exits.MachineError(
                f"Worker {self._cluster.index} cannot listen at {own}, its address in "
                f"{clusters.VARIABLE}: {reason}. End the program that does, or choose another port "
                "on all workers."
            ) from error

    def _gather(self) -> None:
        """Waits for the others, as the chief."""
        with contextlib.ExitStack() as closing:
            server = closing.enter_context(self._open_port())
            server.settimeout(_LOOK_EVERY_SECONDS)
            told: list[str] = []
            while absent := self._cluster.others.keys() - self._present.keys():
                names = [self._name(index) for index in sorted(absent)]
                if names != told:
                    self._tell_present(_MISSING, names)
                    told = names
                self._look(names)
                with contextlib.suppress(TimeoutError):
                    self._admit(closing.enter_context(server.accept()[0]))
                there = self._present.items()
                self._present = {index: each for index, each in there if not _has_left(each)}
            server.close()  # before TensorFlow opens it
            self._tell_present(_GO)

    def _tell_present(self, word: str, names: Sequence[str] = ()) -> None:
        for each in self._present.values():
            _tell(each, word, names)

    def _admit(self, connection: socket.socket) -> None:
        """Lets a worker in, or tells it why not."""
        said = next(_lines(connection, wait=True), {})
        index = said.get("index")
        if not isinstance(index, int):
            return  # some other program
        refusal = None
        if said.get("workers") != _digest(self._cluster) or index not in self._cluster.others:
            refusal = f"its {clusters.VARIABLE} names other workers than that of worker 0"
        elif index in self._present and not _has_left(self._present[index]):
            refusal = f"another process is worker {index} already"
        elif changes := self._changes(said.get("told")):
            refusal = f"it was told something else than worker 0: {changes}"
        if refusal is None:
            self._present[index] = connection
            return
        print(f"Worker {index} was sent away: {refusal}.", flush=True)
        _tell(connection, _REFUSED, refusal)

    def _changes(self, told: Any) -> str:
        """Says how what another worker was told differs from what the chief was told."""
        other = told if isinstance(told, dict) else {}
        names = sorted(self._told.keys() | other.keys())
        return ", ".join(
            f"{name} {other.get(name)} and not {self._told.get(name)}"
            for name in names
            if other.get(name) != self._told.get(name)
        )

    def _report(self) -> None:
        """Waits for the chief's word, as one of the others."""
        host, _, port = self._cluster.addresses[0].rpartition(":")
        while True:
            reason = "connection closed"
            try:
                with socket.create_connection((host.strip("[]"), int(port)), _ANSWER_SECONDS) as to:
                    if self._is_let_in(to):
                        return
            except TimeoutError:
                reason = "no answer"
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
            self._look([f"{self._name(0)} ({reason})"])
            time.sleep(_LOOK_EVERY_SECONDS)

    def _is_let_in(self, chief: socket.socket) -> bool:
        """Tells the chief who this is; returns whether it says that all are there."""
        own = {
            "index": self._cluster.index,
            "workers": _digest(self._cluster),
            "told": self._told,
        }
        chief.sendall(json.dumps(own).encode() + b"\n")
        absent = [f"{self._name(0)} (no answer)"]
        for said in _lines(chief):
            if _GO in said:
                return True
            if _REFUSED in said:
                raise exits.UsageError(
                    f"Worker 0 does not want worker {self._cluster.index}: {said[_REFUSED]}. Flags "
                    f"and dataset must be the same for all workers, and {clusters.VARIABLE} but "
                    "for the index."
                )
            if _GIVEN_UP in said:
                self._give_up(said[_GIVEN_UP])
            absent = said.get(_MISSING, absent)
            self._look(absent)
        return False

    def _name(self, index: int) -> str:
        return f"worker {index} at {self._cluster.addresses[index]}"

    def _look(self, absent: list[str]) -> None:
        """Looks for signals and at the clock, and says from time to time who is absent."""
        self._check()
        now = time.monotonic()
        if now - self._start > LIMIT_SECONDS + (_LONGER_SECONDS if self._cluster.index else 0):
            self._give_up(absent)
        if now - self._said < SAID_EVERY_SECONDS:
            return
        self._said = now
        print(
            f"Waiting for {', '.join(absent)}: {now - self._start:.0f} s of at most "
            f"{LIMIT_SECONDS:.0f} s.",
            flush=True,
        )

    def _give_up(self, absent: Sequence[str]) -> NoReturn:
        self._tell_present(_GIVEN_UP, absent)
        self._on_end()
        raise exits.Interrupted(
            f"Worker {self._cluster.index} has waited {LIMIT_SECONDS / 60:g} minutes in vain for "
            f"{', '.join(absent)}. Start all workers at about the same time, at the addresses of "
            f"{clusters.VARIABLE}: run the same command again on each."
        )


def _digest(cluster: clusters.Cluster) -> str:
    return hashlib.sha256(json.dumps(cluster.addresses).encode()).hexdigest()


def _tell(connection: socket.socket, word: str, content: Any) -> None:
    """Says a word; one who has left does not hear it."""
    with contextlib.suppress(OSError):
        connection.sendall(json.dumps({word: content}).encode() + b"\n")


def _lines(connection: socket.socket, *, wait: bool = False) -> Iterator[dict[str, Any]]:
    """Yields what the other end says, until it closes or says what nobody here would.

    Args:
      connection: to the other end.
      wait: for the first line; else nothing, `{}`, is yielded where nothing is said for a moment.
    """
    connection.settimeout(_ANSWER_SECONDS if wait else _LOOK_EVERY_SECONDS)
    text = b""
    while len(text) < _LONGEST_LINE:
        try:
            received = connection.recv(_LONGEST_LINE)
        except TimeoutError:
            if wait:
                return
            yield {}
            continue
        except OSError:
            return
        if not received:
            return
        *whole, text = (text + received).split(b"\n")
        for line in whole:
            try:
                said = json.loads(line)
            except ValueError:
                return
            if not isinstance(said, dict):
                return
            yield said


def _has_left(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return not connection.recv(1)
    except BlockingIOError:
        return False
    except OSError:
        return True
