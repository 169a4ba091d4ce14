"""One attempt at a build, and what its workers may do in the directories that they share.

An attempt leaves a mark: a directory of a name that no other attempt has. Workers look for it
before they work and before they give a shard its name. One that does not see it stands on a machine
without the shared file system, or belongs to a command that was killed and whose work another
attempt does now: the job of a cluster outlives the command that started it.

In that directory lies what the workers are to do. A runner is given the names of tasks alone: it
would keep their content in memory several times, compress it, and send it as one message.
"""

import contextlib
import pathlib
import pickle
import secrets
import shutil
import socket
from collections.abc import Iterable, Iterator
from typing import Any

from data_pipeline import faults
from tfrecords import exits

_PREFIX = ".attempt-"


@contextlib.contextmanager
def begun(directory: pathlib.Path) -> Iterator[pathlib.Path]:
    """Leaves the one mark of a directory while the body runs; yields its absolute path."""
    for stale in directory.glob(f"{_PREFIX}*"):
        shutil.rmtree(stale)
    mark = directory.absolute() / f"{_PREFIX}{secrets.token_hex(8)}"
    mark.mkdir()
    try:
        yield mark
    finally:
        end(mark)


def end(mark: pathlib.Path) -> None:
    """Tells workers that are still at work to stop."""
    shutil.rmtree(mark, ignore_errors=True)


def hand_over(mark: pathlib.Path, name: str, tasks: Iterable[object]) -> list[str]:
    """Leaves tasks for workers; returns where each lies.

    Args:
      mark: of the attempt.
      name: of what is to be done.
      tasks: can be pickled.
    """
    places = []
    for number, task in enumerate(tasks):
        path = mark / f"{name}-{number}"
        faults.before("write")
        path.write_bytes(pickle.dumps(task, pickle.HIGHEST_PROTOCOL))
        places.append(str(path))
    return places


def take(place: str) -> Any:
    """Returns a task on a worker."""
    return pickle.loads(pathlib.Path(place).read_bytes())  # noqa: S301 - this build has written it


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
