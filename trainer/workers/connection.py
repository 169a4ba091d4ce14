"""What one worker says to another before TensorFlow connects them: lines of JSON.

The chief says to another worker:

    missing=[names]        these are not there yet
    go=None                all are there
    refused=why            you are none of us
    end={...}              nobody is to wait any more, see `words_of`

and a worker to the chief, in its first line `index`, which one it is, and `workers`, a hash of all;
`told`, what must be the same for all; and there or later, `leaves={...}`, that it leaves.
"""

import contextlib
import json
import socket
from collections.abc import Mapping
from typing import Any

from tfrecords import exits

SAYING_SECONDS = 2.0
_LONGEST_LINE = 1 << 16


class Closed(Exception):  # noqa: N818 - that is how things are, and nobody's error
    """Nothing will come from the other end any more, or nothing that a worker would say."""


class Connection:
    """A connection to another worker.

    Args:
      other: leads to it; closed by whoever has opened it.
    """

    def __init__(self, other: socket.socket):
        self._socket = other
        self._text = b""

    def say(self, **words: Any) -> None:
        """Says something; one who has left does not hear it."""
        self._socket.settimeout(SAYING_SECONDS)
        with contextlib.suppress(OSError):
            self._socket.sendall(json.dumps(words).encode() + b"\n")

    def hear(self, seconds: float) -> dict[str, Any]:
        """Returns what the other end says next; `{}` where it is silent for some seconds.

        Raises:
          Closed: it has closed, or is no worker.
        """
        if b"\n" not in self._text:
            self._receive(seconds)
        line, newline, rest = self._text.partition(b"\n")
        if not newline:
            return {}
        self._text = rest
        try:
            said = json.loads(line)
        except ValueError as error:
            raise Closed from error
        if not isinstance(said, dict):
            raise Closed
        return said

    def _receive(self, seconds: float) -> None:
        self._socket.settimeout(seconds)
        try:
            received = self._socket.recv(_LONGEST_LINE)
        except (TimeoutError, BlockingIOError):
            return
        except OSError as error:
            raise Closed from error
        if not received or len(self._text) > _LONGEST_LINE:
            raise Closed
        self._text += received


def words_of(error: exits.Error, *, is_to_come_again: bool = False) -> dict[str, Any]:
    """Returns an error in words.

    Args:
      error: with which a worker leaves, or the meeting ends.
      is_to_come_again: whether a supervisor is to start the workers again.
    """
    return {
        "kind": type(error).__name__,
        "message": str(error),
        "is_to_come_again": is_to_come_again,
    }


def error_of(words: Mapping[str, Any]) -> exits.Error:
    """Returns the error that words tell of."""
    return exits.KINDS[words["kind"]](words["message"])
