"""The program behind `launch.sweep`: each training in a process of its own, then a comparison."""

import dataclasses
import pathlib
import shlex
import signal
import subprocess
import sys
import types
from collections.abc import Sequence
from typing import Any

from absl import flags

from launch.sweeping import grid
from tfrecords import directories, exits, settings, usage
from trainer import config as configs
from trainer import run_directory
from trainer.comparing import comparison

NOTES = "sweep.json"
COMPLETE = "complete"


@dataclasses.dataclass(frozen=True)
class SweepConfig:
    """The configuration of a sweep; the flags of `launch.sweep` are its fields.

    Raises:
      UsageError: there is no file.
    """

    grid: str | None = settings.text(
        None, "A flag file of trainer.main in which flags may stand several times."
    )
    runs_dir: str | None = settings.place(
        None, "Where the runs go; default: runs/<name of the file>."
    )
    dry_run: bool = settings.switch(False, "Say what would be trained, and train nothing.")

    def __post_init__(self) -> None:
        settings.check(self)
        if self.grid is not None and not pathlib.Path(self.grid).exists():
            raise exits.UsageError(f"--grid={self.grid}: there is no such file.")
        if self.grid is None or not pathlib.Path(self.grid).is_file():
            raise exits.UsageError(
                "--grid must be a flag file in which flags may stand several times. "
                f"Received: {self.grid}."
            )

    @property
    def runs_path(self) -> pathlib.Path:
        """The directory of the runs."""
        return pathlib.Path(self.runs_dir or f"runs/{pathlib.Path(str(self.grid)).stem}")


@dataclasses.dataclass(frozen=True)
class Training:
    """One of the sweep: its name, its directory, its flags, and what they mean."""

    name: str
    path: pathlib.Path
    words: tuple[str, ...]
    config: configs.TrainConfig


def sweep(config: SweepConfig) -> None:
    """Trains what is not complete yet, and compares what is.

    Raises:
      UsageError: a combination of flags is wrong; nothing is trained then.
      Interrupted: a training was; the same command goes on with it.
      DataError: trainings have failed; the others are done.
    """
    trainings = plan(config)
    if config.dry_run:
        for training in trainings:
            print(shlex.join(["python", *command(training)[1:]]))
        return
    with directories.exclusive(config.runs_path, "--runs_dir"):
        failures = _train_all(trainings, config.runs_path / NOTES)
    done = [str(t.path) for t in trainings if (t.path / run_directory.CONFIG).exists()]
    if done:
        settings_of_page = comparison.CompareConfig(output_dir=str(config.runs_path / "comparison"))
        print(comparison.compare(settings_of_page, done), flush=True)
    if failures:
        lines = "".join(f"\n  {name}: {reason}" for name, reason in failures.items())
        raise exits.DataError(
            f"{len(failures)} of {len(trainings)} trainings failed; the same command tries them "
            f"again.{lines}"
        )


def plan(config: SweepConfig) -> list[Training]:
    """Returns the trainings of a sweep.

    Raises:
      UsageError: a combination of flags is wrong.
    """
    text = pathlib.Path(str(config.grid)).read_text(encoding="utf-8")
    found = []
    for combination in grid.combinations(text):
        path = config.runs_path / combination.name
        words = (*combination.words, f"--run_dir={path}")
        values = flags.FlagValues()
        settings.define(configs.TrainConfig, flags, values)
        try:
            usage.parse(values, ["trainer.main", *words], None)
            train_config = settings.read(configs.TrainConfig, values)
        except (flags.Error, exits.UsageError) as error:
            raise exits.UsageError(f"{combination.name}: {error}") from error
        found.append(Training(combination.name, path, words, train_config))
    return found


def command(training: Training) -> list[str]:
    """Returns the command of a training."""
    return [sys.executable, "-m", "trainer.main", *training.words]


def _train_all(trainings: Sequence[Training], notes: pathlib.Path) -> dict[str, str]:
    """Trains what is not complete, and notes how each went; returns those that failed, and why."""
    # Asked of all before anything is trained: one may be there with other flags.
    states: dict[str, Any] = {
        t.name: {"status": COMPLETE if run_directory.is_complete(t.path, t.config) else "to do"}
        for t in trainings
    }
    for number, training in enumerate(trainings, start=1):
        where = f"{number} of {len(trainings)}: {training.name}"
        if states[training.name]["status"] == COMPLETE:
            print(f"{where} is complete already.", flush=True)
            continue
        print(where, flush=True)
        states[training.name] = _train(command(training))
        run_directory.write_json(notes, states)
        if states[training.name].get("exit_code") == exits.INTERRUPTED:
            raise exits.Interrupted(
                f"Interrupted in {where}; what is done is kept. Run the same command again to go "
                "on."
            )
    return {name: state["reason"] for name, state in states.items() if "reason" in state}


def _train(words: Sequence[str]) -> dict[str, Any]:
    """Runs a training to its end, and returns how it went.

    It is in a process group of its own: a Ctrl-C is for the sweep, which hands it on once. A second
    one would end the training without saving.
    """
    process = subprocess.Popen(
        words, stderr=subprocess.PIPE, text=True, errors="replace", process_group=0
    )

    def hand_on(number: int, frame: types.FrameType | None) -> None:
        process.send_signal(signal.SIGTERM)

    before = {n: signal.signal(n, hand_on) for n in (signal.SIGINT, signal.SIGTERM)}
    last = ""
    try:
        with process:
            for line in process.stderr or ():
                print(line, end="", file=sys.stderr, flush=True)
                last = line.strip() or last
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    code = process.returncode
    if code == exits.DONE:
        return {"status": COMPLETE}
    if code == exits.INTERRUPTED:
        return {"status": "interrupted", "exit_code": code}
    killed = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
    return {"status": "failed", "exit_code": code, "reason": f"{killed}. {last}".strip()}
