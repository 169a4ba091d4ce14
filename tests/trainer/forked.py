"""Trainings in processes of their own that need not import TensorFlow again, and may be killed.

One process imports it and does nothing with it, so that there is neither a thread nor a device yet;
each training is a fork of that process.
"""

import dataclasses
import multiprocessing
import os
import pathlib
import signal
import sys
from collections.abc import Callable
from multiprocessing import connection
from typing import Any

import numpy as np

from tests.trainer import conftest
from tfrecords import exits
from trainer import config as configs
from trainer import faults, training
from trainer.capacity import remembered
from trainer.networks import backbones
from trainer.reporting import plots
from trainer.running import checkpoints

NEVER = 300.0  # seconds that no training here takes
_FORK = multiprocessing.get_context("fork")
# What Python says before it works on files; inside its operation TensorFlow says nothing.
_WORK_ON_FILES = {"open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.scandir"}


@dataclasses.dataclass(frozen=True)
class Kill:
    """When a process is killed; one that has ended before is not.

    Attributes:
      seconds: after its start, from outside, whatever it does.
      faults: TRAINER_FAULTS.
      operation: how often it works on files in all of its saves until it is killed there.
    """

    seconds: float = NEVER
    faults: str = ""
    operation: int | None = None


UNDISTURBED = Kill()


class Parent:
    """The process whose forks train."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        before = os.environ.get("OPENBLAS_NUM_THREADS")
        os.environ["OPENBLAS_NUM_THREADS"] = "1"  # more would be threads that no fork inherits
        self._process = context.Process(target=_serve, args=(other,))
        self._process.start()
        os.environ.pop("OPENBLAS_NUM_THREADS")
        if before is not None:
            os.environ["OPENBLAS_NUM_THREADS"] = before
        other.close()

    def train(self, config: configs.TrainConfig, output: pathlib.Path, kill: Kill) -> int:
        """Trains in a process, whose words go to a file; returns its exit code."""
        self._connection.send((config, output, kill))
        return self._connection.recv()

    def close(self) -> None:
        """Ends the process."""
        self._connection.close()
        self._process.join()


def _serve(requests: connection.Connection) -> None:
    (thread,) = pathlib.Path("/proc/self/task").iterdir()  # a fork would lack another one
    assert thread.name == str(os.getpid())
    while True:
        try:
            config, output, kill = requests.recv()
        except EOFError:
            return
        process = _FORK.Process(target=_train, args=(config, output, kill))
        process.start()
        process.join(kill.seconds)
        process.kill()  # nothing, where it has ended
        process.join()
        requests.send(process.exitcode)


def _train(config: configs.TrainConfig, output: pathlib.Path, kill: Kill) -> None:
    with output.open("a") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    os.environ[faults.VARIABLE] = kill.faults
    backbones.BACKBONES["tiny"] = backbones.Backbone(
        conftest.tiny_network, lambda pixels: pixels / 127.5 - 1
    )
    backbones.PRETRAINED = (*backbones.PRETRAINED, "tiny")
    remembered.default_path = lambda: output.with_name("micro_batches.json")
    for name in ("curves", "confusion_matrix", "image_grid"):
        setattr(plots, name, lambda *_, **__: np.zeros((8, 8, 3), np.uint8))
    if kill.operation is not None:
        checkpoints._save = _killed_at(kill.operation, checkpoints._save)
    exits.run(lambda: training.train_and_evaluate(config))


def _killed_at(operation: int, save: Callable[..., None]) -> Callable[..., None]:
    """Returns `save`, which kills the process before so many operations on files are done."""
    is_saving, left = False, operation

    def count(event: str, _: Any) -> None:
        nonlocal left
        if is_saving and event in _WORK_ON_FILES:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    def counted(*arguments: Any) -> None:
        nonlocal is_saving
        is_saving = True
        save(*arguments)
        is_saving = False

    sys.addaudithook(count)
    return counted
