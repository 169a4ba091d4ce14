"""Messages between a process and the child that it has started: pickles behind their length.

Only for two ends of one program: whoever can write into the pipe can run code at its other end.
"""

import pickle
import struct
from typing import IO, Any

_LENGTH = struct.Struct("<Q")


def send(file: IO[bytes], value: object) -> None:
    """Writes one message, and sees that it leaves.

    Raises:
      OSError: nobody reads any more.
    """
    message = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    file.write(_LENGTH.pack(len(message)))
    file.write(message)
    file.flush()


def receive(file: IO[bytes]) -> Any:
    """Waits for one message and returns it.

    Raises:
      EOFError: nobody writes any more.
    """
    return pickle.loads(_read(file, _LENGTH.unpack(_read(file, _LENGTH.size))[0]))  # noqa: S301


def _read(file: IO[bytes], num_bytes: int) -> bytes:
    found = file.read(num_bytes)
    if len(found) < num_bytes:
        raise EOFError(f"{len(found)} of {num_bytes} bytes")
    return found
