"""One attempt at a build, and what its workers may do in the directories that they share.

An attempt leaves a mark: a file of a name that no other attempt has. Workers look for it before
they work and before they give a shard its name. One that does not see it stands on a machine
without the shared file system, or belongs to a command that was killed and whose work another
attempt does now: the job of a cluster outlives the command that started it.
"""

import contextlib
import pathlib
import secrets
import socket
from collections.abc import Iterator

from tfrecords import exits

_PREFIX = ".attempt-"


@contextlib.contextmanager
def begun(directory: pathlib.Path) -> Iterator[pathlib.Path]:
    """Leaves the one mark of a directory while the body runs; yields its absolute path."""
    for stale in directory.glob(f"{_PREFIX}*"):
        stale.unlink()
    mark = directory.absolute() / f"{_PREFIX}{secrets.token_hex(8)}"
    mark.touch()
    try:
        yield mark
    finally:
        mark.unlink(missing_ok=True)


def check(*places: str) -> None:
    """Checks on a worker that it sees a mark, a source.

    Raises:
      MachineError: one is not there.
    """
    for place in places:
        if not pathlib.Path(place).exists():
            raise exits.MachineError(
                f"A worker on {socket.gethostname()} does not see {place}. --source and --data_dir "
                "must lie on a file system that all workers share, under the same paths."
            )


def temporary(path: pathlib.Path) -> pathlib.Path:
    """Returns a hidden name beside `path` that no process of any machine has used."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}")
