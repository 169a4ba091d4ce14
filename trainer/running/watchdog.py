"""Ends a worker that gets no further, where no supervisor watches over it.

Where one of several workers hangs the others wait for it in a step, and no error comes. So a thread
in each of them follows its signs of life, and is as patient as a supervisor would be: see
`patience`. It ends the process as SIGTERM would, with exit code 75, on which managers of jobs start
them again.
"""

import contextlib
import os
import pathlib
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator

from trainer.running import patience, pulse

LOOK_EVERY_SECONDS = 1.0
_PACKAGE = pathlib.Path(__file__).parents[1]


class Watchdog:
    """Watches over this process.

    Args:
      name: of the worker.
      heart: that tells of its signs of life.
      least_seconds: see `patience.Patience`; by default its LEAST_SECONDS.
      clock: in seconds.
    """

    def __init__(
        self,
        name: str,
        heart: pulse.Pulse,
        *,
        least_seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._name = name
        self._heart = heart
        least = patience.LEAST_SECONDS if least_seconds is None else least_seconds
        self._patience = patience.Patience(0.0, least=least)
        self._clock = clock
        self._now = 0.0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Inside, it watches."""
        self._last = time.time()
        self._heart.listener = self._note
        self._thread.start()
        try:
            yield
        finally:
            self._heart.listener = None
            self._is_over.set()
            self._thread.join()

    def _note(self, sign: str) -> None:
        if sign in (pulse.STEP, pulse.LONG):
            self._patience.note(sign, self._now)
            self._last = time.time()

    def _watch(self) -> None:
        before = self._clock()
        while not self._is_over.wait(LOOK_EVERY_SECONDS):
            # What it could not look at itself does not count: the process may have been suspended.
            now = self._clock()
            self._now += min(now - before, 2 * LOOK_EVERY_SECONDS)
            before = now
            if self._now > self._patience.deadline:
                self._say()
                os.kill(os.getpid(), signal.SIGTERM)
                return

    def _say(self) -> None:
        since = time.strftime("%H:%M:%S", time.localtime(self._last))
        # Not on standard output, where the chief alone speaks.
        print(
            f"{self._name} has got no further for {self._patience.seconds:,.0f} s, since "
            f"{since}: it stands {_place()}. One of the workers hangs, and the others wait "
            "for it: see where each of them stands. It ends now; run the same command again on "
            "each to go on from the last checkpoint.",
            file=sys.stderr,
            flush=True,
        )


def _place() -> str:
    """Returns where the main thread is, as far as this project knows."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    for summary in reversed(traceback.extract_stack(frame)):
        path = pathlib.Path(summary.filename)
        if path.is_relative_to(_PACKAGE):
            where = path.relative_to(_PACKAGE.parent)
            return f"at {where}:{summary.lineno} in {summary.name}"
    return "outside of this software"
