import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tests.trainer import team
from tfrecords import exits
from trainer.reporting import events
from trainer.workers import agreement

ROOT = pathlib.Path(__file__).parents[3]


def test_who_trains_alone_decides_alone():
    alone = team.ALONE
    assert (alone.index, alone.count, alone.is_chief) == (0, 1, True)
    assert alone.any(True, False) == (True, False)
    assert alone.smallest(3) == 3
    marker = object()
    assert alone.chief_decides(lambda: marker) is marker
    assert alone.chief_first(lambda: marker) is marker


def test_a_flag_of_one_is_a_flag_of_all():
    found = team.together(3, lambda worker: worker.any(worker.index == 2, False))
    assert found == [(True, False)] * 3


def test_the_smallest_number_counts():
    assert team.together(3, lambda worker: worker.smallest([8, 3, 5][worker.index])) == [3, 3, 3]


def test_the_rows_of_all_are_put_one_after_the_other():
    def rows(worker):
        first = 10 * worker.index
        return worker.concatenate(
            {
                "logits": np.array([[first, 0.1], [first, -0.0]], np.float32),
                "label": np.array([first, first + 1]),
            }
        )

    for table in team.together(2, rows):
        assert table["label"].tolist() == [0, 1, 10, 11]
        assert table["logits"].dtype == np.float32
        assert table["logits"][:, 0].tolist() == [0, 0, 10, 10]
        assert np.signbit(table["logits"][:, 1]).tolist() == [False, True, False, True]


def test_what_the_chief_decides_holds_for_all_and_is_asked_of_it_alone():
    asked = []

    def decide(worker):
        return worker.chief_decides(lambda: asked.append(worker.index) or {"size": [1, None, "ü"]})

    assert team.together(2, decide) == [{"size": [1, None, "ü"]}] * 2
    assert asked == [0]


@pytest.mark.parametrize("kind", [exits.UsageError, exits.DataError, exits.MachineError])
def test_where_the_chief_fails_all_fail_alike(kind):
    def refuse():
        raise kind("the directory is in use")

    for error in team.together(2, lambda worker: worker.chief_decides(refuse)):
        assert type(error) is kind
        assert str(error) == "the directory is in use"


def test_the_others_come_after_the_chief():
    order = []

    def work(worker):
        return worker.chief_first(lambda: order.append(worker.index) or worker.index)

    assert team.together(2, work) == [0, 1]
    assert order == [0, 1]


def test_values_are_taken_from_the_chief_to_the_bit(monkeypatch):
    monkeypatch.setattr(agreement, "_CHUNK_BYTES", 16)  # so that a message has several parts

    def take(worker):
        chief = worker.is_chief
        variables = [
            tf.Variable([-0.0, 1e-45, float("nan")] if chief else [1.0, 2.0, 3.0]),
            tf.Variable(np.array(2**60 + 1 if chief else 0, np.int64)),
            tf.Variable([True, False, True] if chief else [False] * 3),
            tf.Variable(tf.constant([1.5] if chief else [0.0], tf.bfloat16)),
        ]
        worker.take_from_chief(variables)
        return [variable.numpy().tobytes() for variable in variables]

    chief, other = team.together(2, take)
    assert chief == other
    assert (
        np.frombuffer(other[0], np.float32).tobytes()
        == np.array([-0.0, 1e-45, np.nan], np.float32).tobytes()
    )


@pytest.mark.parametrize(
    ("error", "is_lost"),
    [
        (tf.errors.UnavailableError(None, None, "Socket closed"), True),
        (tf.errors.InternalError(None, None, "Collective ops is aborted by: it is down"), True),
        (tf.errors.InternalError(None, None, "cuDNN"), False),
        (tf.errors.ResourceExhaustedError(None, None, "OOM"), False),
    ],
)
def test_errors_that_mean_a_lost_worker(error, is_lost):
    assert agreement.is_lost(error) == is_lost


@pytest.mark.slow
def test_workers_that_leave_or_are_lost_and_start_again_end_as_one_process_would(
    tmp_path, undisturbed_command
):
    tiny.write(tmp_path / "data")
    command = [
        "bash",
        "launch/workers.sh",
        "2",
        f"--data_dir={tmp_path / 'data'}",
        f"--run_dir={tmp_path / 'run'}",
        "--dataset=tiny",
        "--epochs=2",
        "--global_batch_size=8",
        "--checkpoint_steps=4",
        "--log_steps=2",
    ]

    def train(faults=""):
        return subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHON": sys.executable, "TRAINER_FAULTS": faults},
            capture_output=True,
            text=True,
            check=False,
        )

    left = train("term@step=2,worker=1")
    assert left.returncode == 75
    # Both of them say so: the signal came to one.
    assert left.stderr.count("Interrupted; everything is saved. Run the same command again") == 2
    killed = train("kill@step=7,worker=1")
    assert killed.returncode == 137
    assert killed.stdout.count("Resuming after 3 steps") == 1
    assert "Another worker was lost. Run the same command again on each" in killed.stderr
    assert not (tmp_path / "run" / "summary.json").exists()
    resumed = train()
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout.count("Resuming after 6 steps") == 1
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["replicas"] == 2
    expected = json.loads((undisturbed_command / "summary.json").read_text())
    assert summary["weights_sha256"] == expected["weights_sha256"]
    assert summary["test"] == expected["test"]
    assert _validations(tmp_path / "run") == pytest.approx(
        _validations(undisturbed_command), abs=1e-6
    )


def _validations(run):
    lines = events.read_metrics(run)
    return [line["loss"] for line in lines if line["split"] == "validation"]
