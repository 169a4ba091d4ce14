"""The process in which foreign bytes are opened, and which may die of it.

`calls` starts it. Requests come in on its standard input, each a list of calls: the name of a
function and its arguments. What the calls return goes out in the same order, once for each request.
What runs out of time is ended by the kernel, even in the middle of C code. The process ends with
the one that started it, because its input ends then.
"""

import concurrent.futures
import contextlib
import dataclasses
import enum
import os
import queue
import resource
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from data_pipeline.isolation import messages

READY = "ready"  # the first message


class Reason(enum.StrEnum):
    """How a call came to a bad end."""

    CRASHED = enum.auto()
    TIMEOUT = enum.auto()
    OUT_OF_MEMORY = enum.auto()


Call = tuple[str, tuple[Any, ...]]  # the name of a function, and its arguments


@dataclasses.dataclass(frozen=True, eq=False)
class Program:
    """What a child runs.

    Attributes:
      module: is run by `python -m`, and calls `main` with this program.
      role: what it is, for messages.
      functions: that can be called, by their names.
      patience: seconds that a call has, from its begin or from the last `expect`; 0 for no end.
      patience_is_for: what those seconds are for, in words; empty for the whole call.
      max_memory: bytes.
      reject: makes of a reason and a line of details what a call returns that came to a bad end.
      fetch: by the names of functions what makes of the first argument of a call another one, while
        earlier calls run; it has no end of patience, as a disk may take its time.
    """

    module: str
    role: str
    functions: Mapping[str, Callable[..., Any]]
    patience: int
    max_memory: int
    reject: Callable[[Reason, str], Any]
    patience_is_for: str = ""
    fetch: Mapping[str, Callable[[Any], Any]] = dataclasses.field(default_factory=dict)

    @property
    def timeout_detail(self) -> str:
        """What a call did that ran out of time."""
        return " ".join(f"took more than {self.patience} seconds {self.patience_is_for}".split())


def main(program: Program) -> None:
    """Answers requests until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started it
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process
    _limit(resource.RLIMIT_DATA, program.max_memory)
    _limit(resource.RLIMIT_CORE, 0)  # a crash is expected, and needs no picture of its memory
    requests, answers = _pipes()
    waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(program, requests, waiting), daemon=True).start()
    messages.send(answers, READY)
    found = []
    while call := waiting.get():
        expect(program.patience)
        found.append(_answer(program, call))
        expect(0)
        if call.is_last:
            messages.send(answers, found)
            found = []


@dataclasses.dataclass
class _Waiting:
    """A call that waits for its turn; `is_last` of its request."""

    function: str
    arguments: Callable[[], tuple[Any, ...]]
    is_last: bool


def expect(seconds: int) -> None:
    """Gives the call that runs so many seconds from now on; 0 for as many as it takes."""
    signal.alarm(seconds)


@contextlib.contextmanager
def at_leisure() -> Iterator[None]:
    """Stops the clock of the call that runs, as for a disk that may take its time."""
    left = signal.alarm(0)
    try:
        yield
    finally:
        signal.alarm(left)


def _limit(kind: int, most: int) -> None:
    """Lowers a limit of this process; a lower one that it was given stays."""
    hard = resource.getrlimit(kind)[1]
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(kind, (most, most))


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Takes the pipes away from standard input and output, where a library might print."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    return requests, answers


def _listen(
    program: Program, requests: BinaryIO, waiting: queue.SimpleQueue[_Waiting | None]
) -> None:
    # In a thread of its own, so that the other side can write while a picture is decoded, and
    # never waits with a request for one who waits with an answer.
    try:
        while True:
            calls: list[Call] = messages.receive(requests)
            for number, (function, arguments) in enumerate(calls, 1):
                fetched = _fetched(program, function, arguments)
                waiting.put(_Waiting(function, fetched, number == len(calls)))
    finally:
        waiting.put(None)


def _fetched(
    program: Program, function: str, arguments: tuple[Any, ...]
) -> Callable[[], tuple[Any, ...]]:
    """Fetches what a call needs; returns what gives its arguments, or raises what went wrong."""
    fetch = program.fetch.get(function)
    if fetch is None:
        return lambda: arguments
    first: concurrent.futures.Future[Any] = concurrent.futures.Future()
    try:
        first.set_result(fetch(arguments[0]))
    except Exception as error:
        first.set_exception(error)
    return lambda: (first.result(), *arguments[1:])


def _answer(program: Program, call: _Waiting) -> Any:
    try:
        return program.functions[call.function](*call.arguments())
    except MemoryError:
        return program.reject(Reason.OUT_OF_MEMORY, f"needs more than {program.max_memory:,} bytes")
    except Exception as error:
        detail = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return program.reject(Reason.CRASHED, detail)
