"""Stopping in good order: SIGTERM and Ctrl-C are noted, and obeyed between two steps."""

import signal
import types
from collections.abc import Callable
from typing import Any, Self

from tfrecords import exits

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interruption:
    """Notes signals while it is entered. A second signal ends the process at once."""

    def __init__(self) -> None:
        self.requested = False
        self._previous: dict[int, Callable[..., Any] | int | None] = {}

    def check(self) -> None:
        """Raises Interrupted if a signal has come; the caller has saved before."""
        if self.requested:
            raise exits.Interrupted(
                "Interrupted; everything is saved. Run the same command again to go on."
            )

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        self._restore()

    def _note(self, number: int, frame: types.FrameType | None) -> None:
        self.requested = True
        self._restore()
        name = signal.Signals(number).name
        print(f"{name}: saving after this step. A second signal ends at once.", flush=True)

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
