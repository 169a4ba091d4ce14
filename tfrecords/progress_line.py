"""Progress as one line: rewritten in place on a terminal, printed every ten seconds elsewhere."""

import contextlib
import functools
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TextIO

PRINT_SECONDS = 10.0
REWRITE_SECONDS = 0.3


class ProgressLine:
    """A line that says how far something is.

    On a terminal, inside `in_place`, it is the last line there is: whatever else the process
    prints, warnings and logs among it, takes its place, and the next one comes below. What native
    code writes cannot be seen, and stands behind it.
    """

    def __init__(self) -> None:
        self._terminal: _Terminal | None = None
        self._last = time.monotonic()

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Rewrites the line in place if standard output is a terminal; removes it in the end."""
        if not _is_terminal(sys.stdout):
            yield
            return
        self._terminal = _Terminal(sys.stdout)
        try:
            with self._terminal.giving_way_to(sys.stdout, sys.stderr):
                yield
        finally:
            self._terminal = None

    def is_due(self) -> bool:
        """Tells whether the last line is so old that there should be another one."""
        seconds = PRINT_SECONDS if self._terminal is None else REWRITE_SECONDS
        return time.monotonic() - self._last >= seconds

    def tell(self, text: str) -> None:
        """Shows how far it is now: in place, cut to the terminal's width, or as a line."""
        if self._terminal is None:
            self.say(text)
            return
        self._last = time.monotonic()
        self._terminal.rewrite(text)

    def show(self, text: str) -> None:
        """Shows in place what is done now; nothing where there is no terminal."""
        if self._terminal is not None:
            self.tell(text)

    def say(self, text: str) -> None:
        """Prints a line that stays."""
        self._last = time.monotonic()
        print(text, flush=True)


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


class _Terminal:
    """A terminal whose last line may be one that is rewritten.

    Args:
      stream: that leads to it.
    """

    def __init__(self, stream: TextIO):
        self._write: Callable[[str], int] = stream.write
        self._flush = stream.flush
        self._shown = ""
        self._is_at_start = True  # of a line
        self._lock = threading.RLock()

    @contextlib.contextmanager
    def giving_way_to(self, *streams: TextIO) -> Iterator[None]:
        """Inside, what is written to the streams takes the place of the line.

        It is the streams that are changed, not `sys.stdout`: loggers hold on to theirs.
        """
        for stream in streams:
            vars(stream)["write"] = functools.partial(self._give_way, stream.write)
        try:
            yield
        finally:
            for stream in streams:
                vars(stream).pop("write", None)  # some may be the same
            self._erase()

    def rewrite(self, text: str) -> None:
        """Shows a text in place of the last one, unless another line is half written."""
        with self._lock:
            if self._is_at_start:
                width = shutil.get_terminal_size().columns - 1
                text = text[:width]
                self._write(f"\r{text.ljust(min(width, len(self._shown)))}")
                self._flush()
                self._shown = text

    def _give_way(self, write: Callable[[str], Any], text: str) -> Any:
        with self._lock:
            self._erase()
            self._is_at_start = text.endswith("\n") if text else self._is_at_start
            return write(text)

    def _erase(self) -> None:
        if self._shown:
            self._write(f"\r{' ' * len(self._shown)}\r")
            self._flush()
            self._shown = ""
