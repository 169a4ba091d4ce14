"""What a supervised training tells its supervisor, a line at a time through a pipe.

The environment variable TRAINER_SUPERVISOR, which the supervisor sets, says where the pipe is, and
why the process before this one came to its end. Without it nothing is told.
"""

import dataclasses
import json
import os
import signal
from collections.abc import Callable, Mapping

VARIABLE = "TRAINER_SUPERVISOR"
# The first words of the lines.
STEP = "step"  # a step or a batch of evaluation is done
LONG = "long"  # something begins of which nobody knows how long it takes, such as tracing
SIZE = "size"  # the micro-batch, and the batch of a replica
NOTED = "noted"  # the restarts so far stand in the run's directory
AGAIN = "again"  # the process leaves to be started again, as it cannot go on with the other workers


@dataclasses.dataclass(frozen=True)
class Note:
    """What the supervisor tells a process that it starts.

    Attributes:
      pipe: a file descriptor to write to.
      is_restart: whether there was a process before.
      reasons: of the restarts that are not yet noted.
      micro_batch: above which memory is not trusted any more, if any.
    """

    pipe: int
    is_restart: bool = False
    reasons: tuple[str, ...] = ()
    micro_batch: int | None = None

    def to_environment(self) -> dict[str, str]:
        """Returns the variable."""
        return {VARIABLE: json.dumps(dataclasses.asdict(self))}


class Pulse:
    """Tells the supervisor that the process is alive; does nothing where there is none.

    Attributes:
      listener: told the first words, too, if there is one.
    """

    def __init__(self, note: Note | None = None):
        self.listener: Callable[[str], None] | None = None
        self._note = note
        if note is not None:
            os.set_blocking(note.pipe, False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Pulse":
        """Returns that of this process."""
        text = environment.get(VARIABLE)
        if not text:
            return cls()
        fields = json.loads(text)
        return cls(Note(**{**fields, "reasons": tuple(fields["reasons"])}))

    @property
    def is_supervised(self) -> bool:
        """Whether there is a supervisor."""
        return self._note is not None

    @property
    def is_restart(self) -> bool:
        """Whether the supervisor has started the training before."""
        return self._note is not None and self._note.is_restart

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the processes before this one came to their end, as far as that is not noted."""
        return () if self._note is None else self._note.reasons

    @property
    def micro_batch(self) -> int | None:
        """The largest micro-batch to use, if the supervisor knows of one."""
        return None if self._note is None else self._note.micro_batch

    def tell(self, *words: str | int) -> None:
        """Writes a line; a supervisor that is too slow to read misses it."""
        if self.listener is not None:
            self.listener(str(words[0]))
        if self._note is None:
            return
        try:
            os.write(self._note.pipe, (" ".join(map(str, words)) + "\n").encode())
        except BlockingIOError:
            pass
        except BrokenPipeError:  # it was killed: nobody waits for what this process does
            self._note = None
            os.kill(os.getpid(), signal.SIGTERM)
