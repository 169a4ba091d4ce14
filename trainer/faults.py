"""Faults on purpose, so that anyone can see what a run does about them.

The environment variable TRAINER_FAULTS names them, separated by semicolons, and is read here alone:

    TRAINER_FAULTS="oom@step=3,replica=1,above=8; nan@step=5,replica=1; kill@step=7; kill@save=2"

- `oom@step=S[,replica=R][,above=M]`: from step S on, memory suffices for micro-batches of M
  examples (0, where it is not given: for none) and no more.
- `nan@step=S[,replica=R]`: the loss of step S is not a number.
- `kill@step=S[,worker=W]`, `hang@step=S[,worker=W]`, `term@step=S[,worker=W]`: the process is
  killed, sleeps for ever, or gets SIGTERM, before step S; of several workers all or that one.
- `kill@save=N`: the process is killed in the middle of its Nth save.

A step is the number of steps done before it, over all phases; without `replica`, all replicas have
the fault. A fault strikes in each process that comes to its step, so a run that is taken up again
meets it again while the variable is set. A process that the supervisor of --supervise has started
again is neither killed nor made to hang or to leave.
"""

import dataclasses
import os
import pathlib
import re
import signal
import threading
import time
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from tfrecords import exits

VARIABLE = "TRAINER_FAULTS"
_SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM}
_SHAPES = {
    ("oom", "step"): {"replica", "above"},
    ("nan", "step"): {"replica"},
    ("kill", "step"): {"worker"},
    ("hang", "step"): {"worker"},
    ("term", "step"): {"worker"},
    ("kill", "save"): set(),
}


@dataclasses.dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
      kind: `oom`, `nan`, `kill`, `hang` or `term`.
      unit: what `number` counts: `step`, from 0, or `save`, from 1.
      replica: the one that has it, or None for all.
      above: the micro-batch up to which memory suffices.
      worker: the process that has it, or None for all.
    """

    kind: str
    unit: str
    number: int
    replica: int | None = None
    above: int = 0
    worker: int | None = None

    def strikes(self, replica: int) -> bool:
        """Tells whether a replica has it."""
        return self.replica in (None, replica)


def parse(text: str) -> list[Fault]:
    """Returns the faults of TRAINER_FAULTS.

    Raises:
      UsageError: a fault is not spelled as the module's docstring says.
    """
    return [_parse_one(part.strip()) for part in text.split(";") if part.strip()]


def _parse_one(text: str) -> Fault:
    kind, _, rest = text.partition("@")
    pairs = [re.fullmatch(r"\s*([a-z]+)=(\d+)\s*", pair) for pair in rest.split(",")]
    values = {pair[1]: int(pair[2]) for pair in pairs if pair}
    unit = next(iter(values), "")
    options = {name: value for name, value in values.items() if name != unit}
    known = _SHAPES.get((kind, unit))
    if known is None or None in pairs or len(values) < len(pairs) or not options.keys() <= known:
        raise exits.UsageError(
            f"{VARIABLE}: a fault must look like oom@step=3,replica=1,above=8 or nan@step=5 or "
            f"kill@step=7 or hang@step=9 or kill@save=2. Received: {text!r}."
        )
    return Fault(kind, unit, values[unit], **options)


class Faults:
    """The faults of this process, one of the workers of a training."""

    def __init__(self, faults: list[Fault], worker: int = 0):
        self._faults = [fault for fault in faults if fault.worker in (None, worker)]
        self._step = 0
        self._saves = 0

    @classmethod
    def from_environment(
        cls,
        worker: int = 0,
        *,
        is_restart: bool = False,
        environment: Mapping[str, str] = os.environ,
    ) -> "Faults":
        """Returns the faults that TRAINER_FAULTS names for a worker.

        Args:
          worker: its index.
          is_restart: whether a supervisor has started the training before.
          environment: of the process.
        """
        faults = parse(environment.get(VARIABLE, ""))
        if is_restart:
            faults = [fault for fault in faults if fault.kind not in (*_SIGNALS, "hang")]
        return cls(faults, worker)

    @property
    def has_steps(self) -> bool:
        """Whether steps have faults, so that each must be taken by itself."""
        return bool(self._of("step"))

    def before_step(self, step: int) -> None:
        """Notes which step comes, and kills the process or keeps it from going on."""
        self._step = step
        for fault in self._of("step"):
            if fault.number != step:
                continue
            if fault.kind in _SIGNALS:
                os.kill(os.getpid(), _SIGNALS[fault.kind])
            if fault.kind == "hang":
                while True:
                    time.sleep(3600)

    def before_save(self, directory: pathlib.Path) -> None:
        """Sees to it that the process dies while it writes to `directory`."""
        self._saves += 1
        if any(fault.number == self._saves for fault in self._of("save")):
            before = _files(directory)
            threading.Thread(target=_kill_at_change, args=(directory, before), daemon=True).start()

    def in_micro_batch(self) -> Callable[[int], tf.Tensor] | None:
        """Returns what a replica calls for each micro-batch, or None where there is nothing to do.

        It takes the micro-batch's size, and returns a factor for the loss: 1, or not a number.
        """
        if not any(fault.kind in ("oom", "nan") for fault in self._faults):
            return None

        def factor(size: int) -> tf.Tensor:
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            # A MemoryError in numpy_function becomes TensorFlow's own ResourceExhaustedError.
            value = tf.numpy_function(self._strike, [size, replica], tf.float32)
            return tf.ensure_shape(value, [])

        return factor

    def _strike(self, size: np.ndarray, replica: np.ndarray) -> np.float32:
        value = np.float32(1)
        for fault in self._of("step"):
            if not fault.strikes(int(replica)):
                continue
            if fault.kind == "oom" and self._step >= fault.number and size > fault.above:
                raise MemoryError(f"{VARIABLE}: out of memory at step {self._step}")
            if fault.kind == "nan" and self._step == fault.number:
                value = np.float32("nan")
        return value

    def _of(self, unit: str) -> list[Fault]:
        return [fault for fault in self._faults if fault.unit == unit]


def _kill_at_change(directory: pathlib.Path, before: set[pathlib.Path]) -> None:
    while _files(directory) == before:
        pass
    os.kill(os.getpid(), signal.SIGKILL)


def _files(directory: pathlib.Path) -> set[pathlib.Path]:
    return set(directory.rglob("*"))
