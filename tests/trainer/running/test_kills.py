"""A training that is killed again and again, and ends as if nothing had happened.

Where not the kill matters but what a process makes of what it finds, one process stands for
several: all variables are spoilt, and what a new process would make anew is made anew; only what
was traced is kept, as it takes long.
"""

import dataclasses
import json
import os
import random
import signal
import time

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer import forked, team
from tfrecords import exits
from trainer import bundle, training
from trainer.reporting import events
from trainer.running import checkpoints, loop, phases, steps

HEAD = {"weights": "none", "epochs": 3, "checkpoint_steps": 3, "log_steps": 2}


class _Killed(Exception):  # noqa: N818 - of a process, and no error
    pass


class _Processes:
    """A training of a head whose process is killed at a moment, and the processes after it."""

    def __init__(self, run, monkeypatch):
        self.phase = phases.plan(run.task.config)[0]
        self._moments_left = -1
        self.directory = run.directory
        self.run = dataclasses.replace(run, predict=self._at(run.predict))
        self.loop = loop.PhaseLoop(self.run, self.phase, 0)
        self._variables = [*run.classifier.variables, *self.loop._optimizer.variables]
        self._at_first = [variable.numpy() for variable in self._variables]
        monkeypatch.setattr(run.faults, "before_step", self._at(run.faults.before_step))
        monkeypatch.setattr(run.stop, "look", self._at(run.stop.look))
        steps_of_epoch = self.loop._epoch_steps
        monkeypatch.setattr(steps_of_epoch, "_next", self._at(steps_of_epoch._next))

    def _at(self, call):
        """Makes a call a moment before which, and one after which, the process may be killed."""

        def called(*arguments):
            self._moment()
            result = call(*arguments)
            self._moment()
            return result

        return called

    def _moment(self):
        self._moments_left -= 1
        if self._moments_left == 0:
            raise _Killed

    def start(self, directory):
        """Starts a process in a directory, where another one may have been before."""
        run = self.run
        is_new = not checkpoints.has_any(directory / self.phase.name)
        for variable, value in zip(self._variables, self._at_first, strict=True):
            variable.assign(value if is_new else np.full_like(value, 9))
        for variable in run.counters.variables:
            variable.assign(np.zeros(variable.shape))
        run.counters.best_rank.assign([np.inf] * 2)
        best = checkpoints.BestWeights(directory / "best", run.classifier, team.ALONE)
        self.run = dataclasses.replace(run, directory=directory, best=best)
        store = checkpoints.PhaseCheckpoints(
            directory / self.phase.name,
            run.classifier,
            self.loop._optimizer,
            run.counters,
            team.ALONE,
        )
        self.loop._run, self.loop._store = self.run, store
        self.loop._window._start()
        self.loop.restore()
        log = events.EventLog(
            directory.parent,
            int(run.counters.global_step),
            validates_again=self.loop.is_before_validation,
        )
        self.loop.run(log)

    def state(self, directory):
        """Returns all that a run in the directory has come to."""
        counters = {
            variable.name: variable.numpy().tolist()
            for variable in self.run.counters.variables
            if not variable.name.startswith(("seconds", "peak_memory"))
        }
        last = bundle.weights_sha256(self.run.classifier)
        self.run.best.restore(int(self.run.counters.best_step))
        lines = events.read_metrics(directory.parent)
        return (
            last,
            bundle.weights_sha256(self.run.classifier),
            counters,
            [line for line in lines if line["split"] == "validation"],
        )


@pytest.fixture
def make_processes(make_config, tiny_backbone, monkeypatch):
    """Returns the processes of a training of a few steps."""
    captured = []

    def capture(run, *_):
        captured.append(run)
        raise _Killed

    def call(**changes):
        with monkeypatch.context() as patch, pytest.raises(_Killed):
            patch.setattr(training, "_run_phases", capture)
            changes = {"model": tiny_backbone, "strategy": "default", **HEAD, **changes}
            training.train_and_evaluate(make_config(**changes))
        return _Processes(captured.pop(), monkeypatch)

    return call


def _end(directory):
    """Returns all that a run has come to; not the times and the memory that it took."""
    summary = json.loads((directory / "summary.json").read_text())
    for name in ("seconds", "images_per_second", "peak_memory_mb"):
        del summary[name]
    last = directory / "checkpoints" / "fine_tune" / f"ckpt-{summary['steps']}"
    reader = tf.train.load_checkpoint(str(last))
    learnt = {
        name: reader.get_tensor(name).tobytes()
        for name in reader.get_variable_to_shape_map()
        if not name.startswith("counters/")
    }
    lines = events.read_metrics(directory)
    return summary, learnt, [line for line in lines if line["split"] == "validation"]


@pytest.fixture
def train(make_config, tiny_backbone, tmp_path):
    """Trains in a process that may be killed; returns its exit code."""
    parent = forked.Parent()

    def call(name, kill):
        config = make_config(
            run_dir=str(tmp_path / name),
            strategy="default",
            model=tiny_backbone,
            weights="none",
            epochs=2,
            fine_tune_epochs=2,
            ema_momentum=0.9,
            checkpoint_steps=3,
        )
        return parent.train(config, tmp_path / f"{name}.txt", kill)

    yield call
    parent.close()


@pytest.mark.slow
def test_twenty_kills_at_random_moments_ten_of_them_in_a_save_leave_the_same_bits(train, tmp_path):
    start = time.monotonic()
    assert train("whole", forked.UNDISTURBED) == exits.DONE
    seconds = time.monotonic() - start
    whole = _end(tmp_path / "whole")
    draw = random.Random(4)
    kills = [
        *(forked.Kill(seconds=draw.uniform(0, seconds)) for _ in range(6)),
        *(forked.Kill(faults=f"kill@step={draw.randrange(24)}") for _ in range(4)),
        *(forked.Kill(faults=f"kill@save={draw.randint(1, 4)}") for _ in range(4)),
        *(forked.Kill(operation=draw.randint(1, 50)) for _ in range(6)),
    ]
    draw.shuffle(kills)
    runs = iter(f"run-{number}" for number in range(len(kills) + 1))
    name = next(runs)
    for kill in kills:
        while (code := train(name, kill)) != -signal.SIGKILL:  # it has ended before
            assert code == exits.DONE, (tmp_path / f"{name}.txt").read_text()
            assert _end(tmp_path / name) == whole
            name = next(runs)
    assert train(name, forked.UNDISTURBED) == exits.DONE
    assert _end(tmp_path / name) == whole


def test_what_is_saved_while_the_process_waits_for_data_is_the_state_of_that_moment(
    make_processes, tmp_path, monkeypatch
):
    processes = make_processes(checkpoint_steps=100)
    processes.start(tmp_path / "whole" / "checkpoints")
    whole = processes.state(tmp_path / "whole" / "checkpoints")
    calls, steps_of_epoch = iter(range(100)), processes.loop._epoch_steps

    def nothing_comes():
        processes.run.stop._save()  # as the thread does that watches for signals
        raise _Killed
        yield

    def wait(iterator, original=steps_of_epoch._next):
        return original(nothing_comes() if next(calls) == 4 else iterator)

    monkeypatch.setattr(steps_of_epoch, "_next", wait)
    directory = tmp_path / "stopped" / "checkpoints"
    with pytest.raises(_Killed):
        processes.start(directory)
    assert (directory / "head" / "ckpt-4.index").exists()
    processes.start(directory)
    assert processes.state(directory) == whole


def test_a_signal_while_the_step_is_traced_is_obeyed_after_it(
    make_config, tiny_backbone, tmp_path, monkeypatch
):
    original, sent = steps.TrainStep._replica_grads, []

    def trace(self, *arguments):
        if not sent:
            sent.append(os.kill(os.getpid(), signal.SIGTERM))
        return original(self, *arguments)

    monkeypatch.setattr(steps.TrainStep, "_replica_grads", trace)
    config = make_config(model=tiny_backbone, strategy="default", **HEAD)
    with pytest.raises(exits.Interrupted, match="everything is saved"):
        training.train_and_evaluate(config)
    assert (tmp_path / "run" / "checkpoints" / "head" / "ckpt-1.index").exists()


def test_two_replicas_one_and_two_again_go_on_to_the_same_numbers(make_processes, tmp_path):
    mirrored, alone = make_processes(strategy="mirrored"), make_processes()
    mirrored.start(tmp_path / "whole" / "checkpoints")
    weights = [np.array(v.numpy()) for v in mirrored.run.classifier.variables]
    validations = mirrored.state(tmp_path / "whole" / "checkpoints")[-1]
    directory = tmp_path / "changing" / "checkpoints"
    for processes, moments in ((mirrored, 25), (alone, 30), (mirrored, -1)):
        processes._moments_left = moments
        if moments < 0:
            processes.start(directory)
        else:
            with pytest.raises(_Killed):
                processes.start(directory)
    for variable, expected in zip(mirrored.run.classifier.variables, weights, strict=True):
        assert variable.numpy() == pytest.approx(expected, abs=1e-6), variable.path
    found = mirrored.state(directory)[-1]
    assert [line["loss"] for line in found] == pytest.approx(
        [line["loss"] for line in validations], abs=1e-6
    )
