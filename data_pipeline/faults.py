"""Faults on purpose, so that anyone can see what a build does about them.

The environment variable DATA_PIPELINE_FAULTS names them, and is read here alone. Each is an
operation, the number of the time that it is about to be done, from 1, and an effect; semicolons
stand between them:

    DATA_PIPELINE_FAULTS="rename:3:kill;write:5:enospc"

Operations:
- `list`: a source is listed.
- `scan`: a batch of files is looked at.
- `read`: a file of the source is read.
- `extract`: a video is searched for faces.
- `write`: a record, or a file of another kind, is written.
- `fsync`: a file or a directory is made durable.
- `rename`: a file or a directory gets its name.
- `remove`: what is no longer needed is deleted.

Effects: `kill`, the process is killed; `enospc`, the disk is full; `eio`, the disk fails. What the
system refuses in this way is refused once, and the next time is done.

Each process counts for itself, worker processes too. Unset, it costs a look at the environment.
"""

import collections
import errno
import functools
import os
import re
import signal
import threading

from tfrecords import exits

VARIABLE = "DATA_PIPELINE_FAULTS"
OPERATIONS = ("list", "scan", "read", "extract", "write", "fsync", "rename", "remove")
_KILL = "kill"
_ERRORS = {"enospc": errno.ENOSPC, "eio": errno.EIO}

_counts: collections.Counter[str] = collections.Counter()
_lock = threading.Lock()  # files are read by several threads


def before(operation: str) -> None:
    """Strikes if a fault is due: to be called right before an operation of OPERATIONS.

    Raises:
      OSError: the fault.
      UsageError: DATA_PIPELINE_FAULTS is not spelled as it should be.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        return
    with _lock:
        _counts[operation] += 1
        number = _counts[operation]
    effect = parse(text).get((operation, number))
    if effect == _KILL:
        os.kill(os.getpid(), signal.SIGKILL)
    elif effect is not None:
        code = _ERRORS[effect]
        raise OSError(code, os.strerror(code), f"{VARIABLE}={operation}:{number}:{effect}")


@functools.cache
def parse(text: str) -> dict[tuple[str, int], str]:
    """Returns by operation and number the effects that DATA_PIPELINE_FAULTS names.

    Raises:
      UsageError: a fault is not spelled as the module's docstring says.
    """
    return dict(_parse_one(part.strip()) for part in text.split(";") if part.strip())


def _parse_one(text: str) -> tuple[tuple[str, int], str]:
    found = re.fullmatch(r"([a-z]+):([1-9]\d*):([a-z]+)", text)
    if not found or found[1] not in OPERATIONS or found[3] not in (_KILL, *_ERRORS):
        raise exits.UsageError(
            f"{VARIABLE}: a fault must be operation:number:effect, as in rename:3:kill, with one "
            f"of {', '.join(OPERATIONS)}, and one of {', '.join((_KILL, *_ERRORS))}. "
            f"Received: {text!r}."
        )
    return (found[1], int(found[2])), found[3]
