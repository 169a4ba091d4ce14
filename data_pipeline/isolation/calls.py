"""Calls functions that open foreign bytes, in a process of their own that may die.

A file on which that process crashes, hangs or runs out of memory costs a rejection and not the
build. See `child` for the other side.
"""

import atexit
import collections
import concurrent.futures
import contextlib
import dataclasses
import fcntl
import functools
import itertools
import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Any, Self, TypeVar, cast

from data_pipeline.isolation import messages
from data_pipeline.isolation.child import Call, Program, Reason
from tfrecords import exits

IN_FLIGHT = 16  # calls that wait at a child, so that it never waits for the next one
_THREADS_PER_CHILD = 2  # one waits while the other one reads
_AT_ONCE = 4  # items that a thread reads before it waits; each change of threads costs time
_AHEAD = 2  # that many for each thread may be in memory before their turn
# Calls in one request. Whoever wakes for each answer finds nothing of its own in the processor's
# caches, and takes several times as long.
_TOGETHER = 8
_REQUESTS = 4  # for each child, of which one or two wait there
_PIPE_BYTES = 1 << 20  # 1 MiB, as much as Linux gives without asking
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",  # more would only cost memory
    # glibc would give the memory of each picture back; to get it anew takes a tenth of all time.
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),  # 64 MiB
    "MALLOC_MMAP_THRESHOLD_": str(16 << 20),  # 16 MiB
}
_ROOT = pathlib.Path(__file__).parents[2]

Item = TypeVar("Item")
Found = TypeVar("Found")


def submit(program: Program, function: str, *arguments: object) -> concurrent.futures.Future[Any]:
    """Calls a function of a program in a child that this process shares among its threads.

    Returns:
      A future of what the function returns, or of what the program makes of it (`reject`) where
      the child died of it. MachineError is raised by the future if no child can be started.
    """
    with _LOCK:
        return _shared(program).submit([(function, arguments)])[0]


def each(
    program: Program, function: str, items: Sequence[Item], arguments: Callable[[Item], tuple]
) -> Iterator[tuple[Item, Any]]:
    """Calls a function for each of some items; yields them in order with what `submit` gives.

    Args:
      program: whose children are asked, several calls at a time.
      function: of the program.
      items: what it is called for.
      arguments: of an item; small, as some of them are in memory at once.
    """
    number = _shared(program).number
    waiting: collections.deque[tuple[Item, concurrent.futures.Future[Any]]] = collections.deque()
    left = collections.deque(items)
    while left or waiting:
        while left and len(waiting) < _REQUESTS * _TOGETHER * number:
            # Less and less at last, so that all children come to their end at once.
            size = min(_TOGETHER, len(left) // (_REQUESTS * number) + 1)
            some = [left.popleft() for _ in range(size)]
            with _LOCK:
                futures = _shared(program).submit([(function, arguments(item)) for item in some])
            waiting.extend(zip(some, futures, strict=True))
        item, future = waiting.popleft()
        yield item, future.result()


def share(program: Program, number: int) -> None:
    """Lets this process have so many children of a program at work; without this, it has one."""
    with _LOCK:
        _shared(program).number = number


def ahead(
    program: Program, begin: Callable[[Item], Callable[[], Found]], items: Iterable[Item]
) -> Iterator[tuple[Item, Found]]:
    """Yields items in order with what was found of each.

    Threads go ahead, so many that they keep all children of the program at work.

    Args:
      program: whose children are asked.
      begin: reads a file and asks a child; returns what waits for the answer.
      items: what it is called with.
    """
    num_threads = _THREADS_PER_CHILD * _shared(program).number
    waiting: collections.deque[tuple[list[Item], concurrent.futures.Future[list[Found]]]]
    waiting = collections.deque()
    left = iter(items)
    with concurrent.futures.ThreadPoolExecutor(num_threads) as threads:
        while some := list(itertools.islice(left, _AT_ONCE)):
            waiting.append((some, threads.submit(_all, begin, some)))
            if len(waiting) > _AHEAD * num_threads:
                yield from _oldest(waiting)
        while waiting:
            yield from _oldest(waiting)


def _oldest(
    waiting: collections.deque[tuple[list[Item], concurrent.futures.Future[list[Found]]]],
) -> Iterator[tuple[Item, Found]]:
    items, found = waiting.popleft()
    return zip(items, found.result(), strict=True)


def _all(begin: Callable[[Item], Callable[[], Found]], items: list[Item]) -> list[Found]:
    begun = [begin(item) for item in items]
    return [wait() for wait in begun]


_LOCK = threading.Lock()


@functools.cache
def _shared(program: Program) -> "Crew":
    crew = Crew(program)
    atexit.register(crew.close)
    return crew


os.register_at_fork(after_in_child=_shared.cache_clear)  # a fork gets children of its own


class Crew:
    """Some children of one program; each call goes to the one that fewest calls wait for.

    Attributes:
      number: of children at work; may be changed at any time.
      children: those that were needed so far.
    """

    def __init__(self, program: Program) -> None:
        self.number = 1
        self.children: list[Isolation] = []
        self._program = program

    def submit(self, calls: list[Call]) -> list[concurrent.futures.Future[Any]]:
        """Asks for calls in one request; see the function of this name. One thread at a time."""
        while len(self.children) < self.number:
            self.children.append(Isolation(self._program))
        idlest = min(self.children[: self.number], key=lambda child: child.num_open)
        return idlest.submit(calls)

    def close(self) -> None:
        """Ends all children at once."""
        for child in self.children:
            child.close()


@dataclasses.dataclass(eq=False)
class _Request:
    calls: list[Call]
    futures: list[concurrent.futures.Future[Any]]
    is_suspect: bool = False  # a child died when it was its turn


class Isolation:
    """A child process, and another one whenever it has died.

    Its answers come in order, so the oldest request without an answer is suspected of its death.
    If that holds several calls, each is asked again as a request of its own. Memory may have been
    spoiled by an earlier one, and a machine may have slept: a suspect of one call is asked again as
    the first one of a new child, and is rejected when that dies of it too.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._asked: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._waiting: collections.deque[_Request] = collections.deque()  # the oldest first
        self._num_asked = self._num_answered = 0  # each is written by one thread at a time
        self._child: _Child | None = None
        self._is_closed = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def num_open(self) -> int:
        """How many calls have no answer yet."""
        return self._num_asked - self._num_answered

    def submit(self, calls: list[Call]) -> list[concurrent.futures.Future[Any]]:
        """Asks for calls in one request; see the function of this name. One thread at a time."""
        self._num_asked += len(calls)
        request = _Request(calls, [concurrent.futures.Future() for _ in calls])
        self._asked.put(request)
        return request.futures

    def close(self) -> None:
        """Ends the child at once; what it has not answered is never answered."""
        self._is_closed = True
        self._asked.put(None)
        if child := self._child:
            child.kill()
        self._thread.join()

    def _serve(self) -> None:
        while self._take():
            try:
                child = self._child = self._child or _Child.start(self._program)
                answers = child.answer([request.calls for request in self._waiting])
            except (EOFError, OSError):
                self._bury(child)
            except Exception as error:  # no child can be started, or a call cannot be sent
                while self._waiting:
                    for future in self._answered():
                        future.set_exception(error)
            else:
                for future, answer in zip(self._answered(), answers, strict=True):
                    future.set_result(answer)
        if self._child:
            self._child.end()

    def _take(self) -> bool:
        """Takes further requests, and waits for the first one; returns whether to go on."""
        with contextlib.suppress(queue.Empty):
            while self._num_waiting < IN_FLIGHT and not self._is_closed:
                request = self._asked.get(block=not self._waiting)
                if request:
                    self._waiting.append(request)
        return not self._is_closed

    @property
    def _num_waiting(self) -> int:
        return sum(len(request.calls) for request in self._waiting)

    def _answered(self) -> list[concurrent.futures.Future[Any]]:
        """Counts the oldest request as answered, and returns what waits for its answers."""
        request = self._waiting.popleft()
        self._num_answered += len(request.calls)
        return request.futures

    def _bury(self, child: "_Child") -> None:
        death, self._child = child.end(), None
        suspect = self._waiting[0]
        if len(suspect.calls) > 1:
            self._waiting.popleft()
            apart = zip(suspect.calls, suspect.futures, strict=True)
            self._waiting.extendleft([_Request([call], [future]) for call, future in apart][::-1])
        elif suspect.is_suspect:
            for future in self._answered():
                future.set_result(self._program.reject(*death))
        else:
            suspect.is_suspect = True


def _widen(*pipes: IO[bytes]) -> None:
    """Lets whole images lie in pipes, which hold 64 KiB; else both sides wait for each other."""
    with contextlib.suppress(AttributeError, OSError):  # not on macOS; a user may have too many
        for pipe in pipes:
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


class _Child:
    """One child, from its start to its death."""

    def __init__(self, program: Program, process: subprocess.Popen[bytes]) -> None:
        self._program = program
        self._process = process
        self._requests = cast(IO[bytes], process.stdin)
        self._answers = cast(IO[bytes], process.stdout)
        self._num_sent = 0  # and not answered

    @classmethod
    def start(cls, program: Program) -> Self:
        """Returns a child that is ready.

        Raises:
          MachineError: there is none.
        """
        command = (sys.executable, "-m", program.module)
        try:
            child = cls(
                program,
                subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    cwd=_ROOT,
                    env={**os.environ, **_ENVIRONMENT},
                ),
            )
        except OSError as error:
            raise exits.MachineError(f"No process can be started: {error}") from error
        _widen(child._requests, child._answers)
        try:
            messages.receive(child._answers)
        except EOFError as error:
            raise exits.MachineError(
                f"The {program.role} did not start: {child.end()[1]}. "
                f"`{' '.join(command)}` in {_ROOT} says why."
            ) from error
        return child

    def answer(self, requests: list[list[Call]]) -> list[Any]:
        """Sends those of the requests that it has not got yet; returns the answers to the first.

        Raises:
          EOFError, OSError: the child is dead.
        """
        while self._num_sent < len(requests):
            messages.send(self._requests, requests[self._num_sent])
            self._num_sent += 1
        found: list[Any] = messages.receive(self._answers)
        self._num_sent -= 1
        return found

    def kill(self) -> None:
        """Ends the child, which is noticed by whoever waits for its answer."""
        self._process.kill()

    def end(self) -> tuple[Reason, str]:
        """Sees that the child is gone; returns what its death means for what it was asked."""
        self._process.kill()
        code = self._process.wait()
        for pipe in (self._requests, self._answers):
            with contextlib.suppress(OSError):  # what could not be written
                pipe.close()
        if code == -signal.SIGALRM:
            return Reason.TIMEOUT, self._program.timeout_detail
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return Reason.CRASHED, f"its {self._program.role} ended with {name}"
