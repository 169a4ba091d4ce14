"""Who may work in a directory: one process alone, or many that read and none that replaces it.

The locks are the system's, and end with the process that holds them, however it ends.
"""

import contextlib
import fcntl
import os
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
      UsageError: it is a file, or another process is at work in it.
    """
    refuse_file(directory, flag)
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


def check(directory: pathlib.Path, flag: str) -> None:
    """Refuses a directory that cannot be made or written to, and makes none.

    Raises:
      MachineError, UsageError: as `exclusive` does.
    """
    refuse_file(directory, flag)
    existing = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        raise exits.MachineError(
            f"{directory} cannot be written to: nothing can be made in {existing}. "
            f"Choose another {flag}."
        )


def refuse_file(directory: pathlib.Path, flag: str) -> None:
    """Refuses a path that cannot be a directory because it is a file, or lies in one.

    Raises:
      UsageError: naming the file and the flag.
    """
    for path in (directory, *directory.parents):
        if path.exists() and not path.is_dir():
            raise exits.UsageError(f"{flag} must be a directory. Received: {path}, a file.")


@contextlib.contextmanager
def read(directory: pathlib.Path) -> Iterator[None]:
    """Holds a directory that is read against `replace`; a read-only place will do.

    Raises:
      DataError: it is being replaced at this moment.
    """
    with _locked(directory, fcntl.LOCK_SH) as is_held:
        if not is_held:
            raise exits.DataError(
                f"{directory} is being replaced by a build. Run the same command again when it "
                "is done."
            )
        yield


@contextlib.contextmanager
def replace(directory: pathlib.Path) -> Iterator[None]:
    """Holds a directory that is about to be replaced by another one.

    Raises:
      UsageError: a process reads it.
    """
    with _locked(directory, fcntl.LOCK_EX) as is_held:
        if not is_held:
            raise exits.UsageError(
                f"{directory} is being read by another process, such as a training, which would "
                "meet two datasets in one. What is built is kept: run the same command again when "
                "the other one is done, or choose another --version."
            )
        yield


@contextlib.contextmanager
def _locked(directory: pathlib.Path, kind: int) -> Iterator[bool]:
    """Locks the directory itself, no file in it; yields whether it is held, under that name."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield os.path.samestat(os.fstat(descriptor), directory.stat())
    finally:
        os.close(descriptor)
