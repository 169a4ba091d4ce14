"""Stopping in good order: SIGTERM, Ctrl-C and the end of the time given are obeyed between steps.

Python runs a signal's handler in the main thread alone, and only when that thread is not inside
TensorFlow, where it may wait for data for ever. So a thread of its own is told of each signal by
the system; where the main thread does not come to a check in time, it saves in that one's place.
"""

import contextlib
import math
import os
import select
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, Self

from tfrecords import exits
from trainer import signals

GRACE_SECONDS = 20.0  # that a step, a validation batch or a save may take to come to its end
NEARLY_OVER = 0.05  # of `max_minutes`, but at most:
NEARLY_OVER_SECONDS = 60.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interruption:
    """Notes signals while it is entered. A second signal ends the process at once.

    Args:
      max_minutes: after which the work is to be saved and left; it counts from `__init__`.
      on_look: called at each look.
    """

    def __init__(
        self, max_minutes: float = math.inf, on_look: Callable[[], None] = lambda: None
    ) -> None:
        self._on_look = on_look
        self.requested = False
        spare = min(NEARLY_OVER * 60 * max_minutes, NEARLY_OVER_SECONDS)
        self._deadline = time.monotonic() + 60 * max_minutes - spare
        self._max_minutes = max_minutes
        self._previous: dict[int, Callable[..., Any] | int | None] = {}
        self._save: Callable[[], None] | None = None
        self._lock = threading.Lock()

    def look(self) -> bool:
        """Tells whether a signal has come, or the time given is over; asked after each step."""
        self._on_look()
        return self.requested

    def check(self, of_any_worker: Callable[[bool], tuple[bool, ...]]) -> None:
        """Leaves if this or another worker is to stop, see `Workers.any`; all is saved."""
        if any(of_any_worker(self.look())):
            self.leave()

    def leave(self) -> NoReturn:
        """Raises Interrupted; the caller has saved before."""
        raise exits.Interrupted(
            "Interrupted; everything is saved. Run the same command again to go on."
        )

    @contextlib.contextmanager
    def at_rest(self, save: Callable[[], None]) -> Iterator[None]:
        """Inside, nothing changes what `save` saves, so that it may be called at any moment."""
        with self._lock:
            self._save = save
        try:
            yield
        finally:
            with self._lock:  # the process ends in here if the other thread is saving
                self._save = None

    @contextlib.contextmanager
    def held_back(self) -> Iterator[None]:
        """Inside, signals wait, and whoever takes them there has them no longer afterwards.

        TensorFlow does so when it connects to other workers, and leaves SIGTERM without an effect.
        """
        with signals.held_back():
            try:
                yield
            finally:
                for number in _SIGNALS:
                    signal.signal(number, self._note)

    def __enter__(self) -> Self:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._previous_wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in _SIGNALS:
            self._previous[number] = signal.signal(number, self._note)
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        with signals.held_back():
            self._watcher.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._previous_wakeup)
        os.write(self._writer, b"\0")
        self._watcher.join()
        os.close(self._writer)
        os.close(self._reader)

    def _note(self, number: int, frame: types.FrameType | None) -> None:
        self.requested = True

    def _watch(self) -> None:
        """Follows the signals, by the bytes that the system writes for each; 0 is the end."""
        wait: float | None = None if self._deadline == math.inf else self._deadline
        has_signal = False
        while True:
            seconds = None if wait is None else max(0.0, wait - time.monotonic())
            if not select.select([self._reader], [], [], seconds)[0]:
                if self.requested:
                    self._leave()
                self._request(f"--max_minutes={self._max_minutes:g} is nearly over")
                wait = time.monotonic() + GRACE_SECONDS
                continue
            for number in os.read(self._reader, 64):
                if number == 0:
                    return
                if number not in _SIGNALS:
                    continue
                if has_signal:
                    _end("Interrupted again; what was saved last is whole.")
                has_signal = True
                self._request(signal.Signals(number).name)
                wait = time.monotonic() + GRACE_SECONDS

    def _request(self, reason: str) -> None:
        self.requested = True
        # Where nobody reads, the signal is obeyed all the same.
        with contextlib.suppress(BrokenPipeError):
            print(f"{reason}: saving after this step. A second signal ends at once.", flush=True)

    def _leave(self) -> NoReturn:
        """Ends the process for a main thread that does not come back."""
        with self._lock:
            if self._save is None:
                _end("Interrupted in the middle of a step; what was saved last is whole.")
            self._save()
            _end("Interrupted; everything is saved.")


def _end(message: str) -> NoReturn:
    with contextlib.suppress(BrokenPipeError):
        print(f"{message} Run the same command again to go on.", file=sys.stderr, flush=True)
    os._exit(exits.INTERRUPTED)
