"""Keeps a training alive: starts it again from its last checkpoint when it died or hangs.

It knows nothing of TensorFlow, so that what kills a training, such as memory that is used up, finds
little of it.
"""

import dataclasses
import os
import pathlib
import select
import signal
import subprocess
import time
import types
from collections.abc import Callable, Mapping, Sequence

from tfrecords import exits
from trainer.capacity import micro_batches
from trainer.running import patience, pulse

MAX_RESTARTS = 5
# Between a request to save and leave, and the kill; a training takes 20 of them at most.
GRACE_SECONDS = 30.0
_DONE = {exits.DONE, exits.USAGE, exits.BAD_DATA, exits.ENVIRONMENT, exits.INTERRUPTED}
_VMSTAT = pathlib.Path("/proc/vmstat")


def kills_for_memory() -> int | None:
    """Returns how many processes Linux has killed for memory, or None where it does not tell."""
    try:
        lines = dict(line.split() for line in _VMSTAT.read_text().splitlines())
        return int(lines["oom_kill"])
    except (OSError, ValueError, KeyError):
        return None


@dataclasses.dataclass
class _Process:
    """A training that runs, and what it has told."""

    child: subprocess.Popen[bytes]
    pipe: int
    patience: patience.Patience
    sizes: tuple[int, int] | None = None
    is_noted: bool = False
    is_to_come_again: bool = False
    hung: str | None = None

    def take(self, line: str) -> None:
        """Takes a line of `pulse`."""
        word, *rest = line.split()
        if word in (pulse.STEP, pulse.LONG):
            self.patience.note(word, time.monotonic())
        elif word == pulse.SIZE:
            self.sizes = (int(rest[0]), int(rest[1]))
        elif word == pulse.NOTED:
            self.is_noted = True
        elif word == pulse.AGAIN:
            self.is_to_come_again = True


class Supervisor:
    """Runs a command until it comes to an end that it means.

    Args:
      command: of the training.
      environment: of it.
      least_seconds: see `patience.Patience`; by default its LEAST_SECONDS.
      kills_for_memory: returns how often the system has killed a process to get its memory back,
        or None where nobody knows.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] = os.environ,
        *,
        least_seconds: float | None = None,
        kills_for_memory: Callable[[], int | None] = kills_for_memory,
    ):
        self._command = list(command)
        self._environment = environment
        self._least_seconds = patience.LEAST_SECONDS if least_seconds is None else least_seconds
        self._kills_for_memory = kills_for_memory
        self._child: subprocess.Popen[bytes] | None = None
        self._stopped_at: float | None = None

    def run(self) -> int:
        """Returns the exit code of the training.

        Raises:
          MachineError: it died or hung too often.
        """
        reasons: list[str] = []
        micro_batch = None
        previous = {n: signal.signal(n, self._pass_on) for n in (signal.SIGTERM, signal.SIGINT)}
        try:
            for restarts in range(MAX_RESTARTS + 1):
                killed_before = self._kills_for_memory()
                note = pulse.Note(-1, restarts > 0, tuple(reasons), micro_batch)
                process = self._watch(note)
                code = process.child.returncode
                if self._stopped_at is not None:
                    return code if code >= 0 else exits.INTERRUPTED
                if code in _DONE and not process.hung and not process.is_to_come_again:
                    return code
                if process.is_noted:
                    reasons.clear()
                reasons.append(process.hung or _reason(code))
                if code == -signal.SIGKILL and not process.hung:
                    micro_batch = self._smaller(process.sizes, killed_before) or micro_batch
                if restarts < MAX_RESTARTS:
                    _say(f"The training {reasons[-1]}; it is started again", micro_batch)
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
        raise exits.MachineError(
            f"The training was started again {MAX_RESTARTS} times, and at last {reasons[-1]}. What "
            "was saved last is whole: find the cause, then run the same command again."
        )

    def _smaller(self, sizes: tuple[int, int] | None, killed_before: int | None) -> int | None:
        """Returns the next smaller micro-batch, if memory may have been the cause of a kill."""
        if sizes is None or (
            killed_before is not None and self._kills_for_memory() == killed_before
        ):
            return None
        size, per_replica_batch_size = sizes
        return micro_batches.next_smaller(per_replica_batch_size, size)

    def _watch(self, note: pulse.Note) -> _Process:
        """Starts the training and stays with it to its end."""
        reader, writer = os.pipe()
        note = dataclasses.replace(note, pipe=writer)
        child = subprocess.Popen(
            self._command,
            env={**self._environment, **note.to_environment()},
            pass_fds=(writer,),
            process_group=0,  # the terminal's Ctrl-C comes here alone, and is passed on once
        )
        os.close(writer)
        self._child = child
        process = _Process(
            child, reader, patience.Patience(time.monotonic(), least=self._least_seconds)
        )
        try:
            self._listen(process)
        finally:
            os.close(reader)
        child.wait()
        self._child = None
        return process

    def _listen(self, process: _Process) -> None:
        """Reads what the training tells until it has ended; ends it where it tells nothing."""
        rest = b""
        while True:
            left = process.patience.deadline - time.monotonic()
            if self._stopped_at is not None:
                left = self._stopped_at + GRACE_SECONDS - time.monotonic()
                if left <= 0:
                    process.child.kill()
            elif left <= 0 and not process.hung:
                _end(process)
            if not select.select([process.pipe], [], [], max(0.05, min(left, 1)))[0]:
                continue
            content = os.read(process.pipe, 1 << 16)
            if not content:  # the pipe's other end is closed, as all of the process is
                return
            *lines, rest = (rest + content).split(b"\n")
            for line in lines:
                process.take(line.decode())

    def _pass_on(self, number: int, frame: types.FrameType | None) -> None:
        self._stopped_at = time.monotonic()
        if self._child is not None:
            self._child.send_signal(number)


def _end(process: _Process) -> None:
    """Ends a process that hangs; while it waits for data it can still save."""
    process.hung = f"gave no sign of life for {process.patience.seconds:,.0f} s"
    process.child.send_signal(signal.SIGTERM)
    try:
        process.child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.child.kill()


def _reason(code: int) -> str:
    if code == exits.INTERRUPTED:
        return "could not go on with the other workers"
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def _say(text: str, micro_batch: int | None) -> None:
    smaller = "" if micro_batch is None else f" with micro-batches of at most {micro_batch}"
    print(f"{text}{smaller}.", flush=True)
