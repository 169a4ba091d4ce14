"""A directory that one process at a time works in."""

import contextlib
import fcntl
import pathlib
from collections.abc import Iterator

from tfrecords import exits


@contextlib.contextmanager
def exclusive(directory: pathlib.Path, flag: str) -> Iterator[None]:
    """Makes a directory and keeps other processes out of it.

    Args:
      directory: made with its parents where it is not there.
      flag: the flag that chooses it, for the messages.

    Raises:
      MachineError: it cannot be made or written to.
      UsageError: another process is at work in it.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / ".lock").open("w")
    except OSError as error:
        raise exits.MachineError(
            f"{directory} cannot be written to: {error.strerror}. Choose another {flag}."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise exits.UsageError(
                f"{directory} is in use by another process. Wait for it, or choose another {flag}."
            ) from None
        yield
