"""The directory that a process of a training writes to, and the run that it takes up there."""

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator
from typing import Any

from tfrecords import directories
from trainer import config as configs
from trainer import run_directory
from trainer.networks import pretrained
from trainer.running import pulse
from trainer.task import Task
from trainer.workers import agreement


@contextlib.contextmanager
def own_directory(config: configs.TrainConfig, team: agreement.Workers) -> Iterator[pathlib.Path]:
    """Yields the directory that this process writes to: the run's for the chief of the workers.

    What the others would write and say is the same, and goes nowhere.
    """
    with contextlib.ExitStack() as held:
        team.chief_decides(
            lambda: held.enter_context(directories.exclusive(config.run_path, "--run_dir"))
        )
        if team.is_chief:
            yield config.run_path
            return
        print(
            f"Worker {team.index} of {team.count} trains; worker 0 tells how it goes.", flush=True
        )
        nowhere = held.enter_context(pathlib.Path(os.devnull).open("w"))
        held.enter_context(contextlib.redirect_stdout(nowhere))
        yield pathlib.Path(held.enter_context(tempfile.TemporaryDirectory()))


def claim(task: Task, directory: pathlib.Path, heart: pulse.Pulse) -> dict[str, Any] | None:
    """Takes the directory for this run; returns the summary of one that is complete."""
    if task.config.restart and (aside := run_directory.set_aside(directory)):
        print(f"The run of before lies in {aside} now.")
    run_directory.claim(
        directory, task.config, task.source.manifest.plan_digest, pretrained.sha256(task.weights)
    )
    if heart.reasons:
        run_directory.note_restarts(directory, heart.reasons)
        heart.tell(pulse.NOTED)
    return run_directory.read_summary(directory)
