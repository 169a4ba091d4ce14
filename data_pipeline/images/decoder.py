"""The process in which foreign bytes are opened, and which may die of it.

`isolation` starts it. Requests come in on its standard input, each the name of a function and its
arguments; answers go out in the same order. What runs out of time is ended by the kernel, even in
the middle of C code. It ends with the process that started it, because its input ends then.
"""

import os
import queue
import resource
import signal
import threading
from collections.abc import Callable
from typing import Any, BinaryIO

from data_pipeline.images import appearance, image_policy, messages
from data_pipeline.images.image_policy import Reason, Rejection

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "look": appearance.look,
    "store": image_policy.store,
}
TIMEOUT_SECONDS = 30  # for one call
# Bytes. The worst picture of image_policy.MAX_PIXELS takes 1.1 GB; requests that wait come on top.
MAX_MEMORY = 3 << 30  # 3 GiB
READY = "ready"  # the first message


def main() -> None:
    """Answers requests until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started it
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process
    limit(resource.RLIMIT_DATA, MAX_MEMORY)
    limit(resource.RLIMIT_CORE, 0)  # a crash is expected, and needs no picture of its memory
    requests, answers = _pipes()
    waiting: queue.SimpleQueue[tuple[str, tuple[Any, ...]] | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, waiting), daemon=True).start()
    messages.send(answers, READY)
    while request := waiting.get():
        signal.alarm(TIMEOUT_SECONDS)
        answer = _answer(*request)
        signal.alarm(0)
        messages.send(answers, answer)


def limit(kind: int, most: int) -> None:
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


def _listen(requests: BinaryIO, waiting: queue.SimpleQueue) -> None:
    # In a thread of its own, so that the other side can write while a picture is decoded, and
    # never waits with a request for one who waits with an answer.
    try:
        while True:
            waiting.put(messages.receive(requests))
    finally:
        waiting.put(None)


def _answer(function: str, arguments: tuple[Any, ...]) -> Any:
    try:
        return FUNCTIONS[function](*arguments)
    except MemoryError:
        return Rejection(Reason.OUT_OF_MEMORY, f"needs more than {MAX_MEMORY:,} bytes")
    except Exception as error:
        return Rejection(Reason.CRASHED, f"{type(error).__name__}: {' '.join(str(error).split())}")


if __name__ == "__main__":
    main()
