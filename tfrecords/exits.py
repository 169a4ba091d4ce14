"""How a command ends: the errors that a user can meet, and the exit code of each.

Every command of this project passes its program to `run`. An error of this module becomes one
message on standard error and its exit code; anything else is a defect and keeps its traceback.
"""

import errno
import sys
from collections.abc import Callable
from typing import NoReturn

DONE = 0
DEFECT = 1
USAGE = 2
BAD_DATA = 3
ENVIRONMENT = 4
INTERRUPTED = 75  # EX_TEMPFAIL of sysexits.h: the same command, run again, goes on

# What the system says of a place that cannot be read or written.
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST)


class UsageError(ValueError):
    """A flag or an argument is wrong, or contradicts another one."""

    exit_code = USAGE


class DataError(ValueError):
    """A source, a dataset or a checkpoint is absent, damaged or of no use."""

    exit_code = BAD_DATA


class MachineError(RuntimeError):
    """The machine lacks something: memory, disk, a package, the network."""

    exit_code = ENVIRONMENT


class Interrupted(Exception):  # noqa: N818 - it is no error: the work is saved
    """The work was stopped from outside; what is done is saved."""

    exit_code = INTERRUPTED


def run(program: Callable[[], object], usage_errors: tuple[type[Exception], ...] = ()) -> NoReturn:
    """Runs `program` and leaves the process with the exit code that its end deserves.

    Args:
      program: the command, without arguments; what it returns is ignored.
      usage_errors: further exceptions that mean wrong usage, such as those of a flag parser.
    """
    try:
        program()
    except (UsageError, DataError, MachineError, Interrupted) as error:
        _leave(error.exit_code, str(error))
    except usage_errors as error:
        _leave(USAGE, str(error))
    except KeyboardInterrupt:
        _leave(INTERRUPTED, "Interrupted. Run the same command again to go on.")
    except MemoryError:
        _leave(ENVIRONMENT, "The machine ran out of memory. Use a smaller batch or fewer workers.")
    except OSError as error:
        if error.errno in _CLOSED:
            _leave(ENVIRONMENT, f"{error.filename} cannot be used: {error.strerror}.")
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        where = f" while writing {error.filename}" if error.filename else ""
        _leave(
            ENVIRONMENT,
            f"The disk is full{where}. Nothing that was finished is lost: "
            "make room and run the same command again.",
        )
    sys.exit(DONE)


def _leave(code: int, message: str) -> NoReturn:
    print(message, file=sys.stderr, flush=True)
    sys.exit(code)
