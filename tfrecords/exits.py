"""How a command ends: the errors that a user can meet, and the exit code of each.

Every command of this project passes its program to `run`. An error of this module becomes one
message on standard error and its exit code; anything else is a defect and keeps its traceback.
"""

import contextlib
import errno
import io
import os
import select
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

DONE = 0
USAGE = 2
BAD_DATA = 3
ENVIRONMENT = 4
INTERRUPTED = 75  # EX_TEMPFAIL of sysexits.h: the same command, run again, goes on

# What the system says of a place that cannot be read or written.
_CLOSED = (
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST),
    *(errno.ELOOP, errno.ENAMETOOLONG),
)
_INTERRUPTION = "Interrupted; what is done is kept. Run the same command again to go on."


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


Error = UsageError | DataError | MachineError | Interrupted
ERRORS = (UsageError, DataError, MachineError, Interrupted)
KINDS: dict[str, type[Error]] = {kind.__name__: kind for kind in ERRORS}


def run(program: Callable[[], object], usage_errors: tuple[type[Exception], ...] = ()) -> NoReturn:
    """Runs `program` and leaves the process with the exit code that its end deserves.

    Where nobody reads the output any more, as after `| head`, it leaves without a word.

    Args:
      program: the command, without arguments; what it returns is ignored.
      usage_errors: further exceptions that mean wrong usage, such as those of a flag parser.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names of strangers are printed as they are, and not each terminal has all letters.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        program()
        _flush()
    except ERRORS as error:
        _leave(error.exit_code, str(error))
    except usage_errors as error:
        _leave(USAGE, str(error))
    except KeyboardInterrupt:
        _leave(INTERRUPTED, _INTERRUPTION)
    except MemoryError:
        _leave(ENVIRONMENT, "The machine ran out of memory. Use a smaller batch or fewer workers.")
    except BrokenPipeError:
        if not _silence_unread():
            raise
        sys.exit(INTERRUPTED)
    except OSError as error:
        message = _of_the_machine(error)
        if message is None:
            raise
        _leave(ENVIRONMENT, message)
    sys.exit(DONE)


def _of_the_machine(error: OSError) -> str | None:
    """Returns what to say of a place that the system refuses; None where that is no such error."""
    if error.errno in _CLOSED:
        return f"{error.filename} cannot be used: {error.strerror}."
    kept = "Nothing that was finished is lost:"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f" while writing {error.filename}" if error.filename else ""
        return f"The disk is full{where}. {kept} make room and run the same command again."
    if error.errno == errno.EIO:
        where = f" at {error.filename}" if error.filename else ""
        return f"A disk failed{where}. {kept} see to the disk and run the same command again."
    return None


def leave_when_interrupted() -> None:
    """Lets SIGTERM and Ctrl-C end the process at once, as safe as a kill and with a word.

    To be called before the imports of an entry module, which take seconds. An exception would be
    raised wherever the main thread happens to be: in the initialisation of a C library, inside a
    decoder whose errors are rejects, or inside Beam, whose threads may then wait for ever.
    """
    stderr = os.dup(sys.stderr.fileno())  # of its own: the other may be redirected for a while

    def leave(*_: object) -> NoReturn:
        # Below Python's streams, one of which the signal may have interrupted.
        start = "\n" if os.isatty(stderr) else ""  # after a bar, or the terminal's own ^C
        with contextlib.suppress(OSError):
            os.write(stderr, f"{start}{_INTERRUPTION}\n".encode())
        os._exit(INTERRUPTED)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)


def leave_at_once(error: Error) -> NoReturn:
    """Leaves as `run` does, and without waiting for threads that may never end."""
    _say(str(error))
    os._exit(error.exit_code)


def _leave(code: int, message: str) -> NoReturn:
    _say(message)
    sys.exit(code)


def _say(message: str) -> None:
    try:
        print(message, file=sys.stderr, flush=True)
        _flush()
    except BrokenPipeError:
        _silence_unread()


def _flush() -> None:
    if sys.stdout is not None:  # as it is where the command was started with it closed
        sys.stdout.flush()


def _silence_unread() -> bool:
    """Silences the standard streams that nobody reads; returns whether there are any.

    Else Python, which writes what is left in them at its end, would complain.
    """
    streams = [stream for stream in (sys.stdout, sys.stderr) if stream is not None]
    unread = [stream for stream in streams if _is_unread(stream.fileno())]
    for stream in unread:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return bool(unread)


def _is_unread(descriptor: int) -> bool:
    """Tells whether a pipe has lost its reader: a broken one may be another, such as a socket."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))
