"""Memory that runs out in training: the step is done again, and nobody can tell afterwards."""

import contextlib
import json

import pytest

from tfrecords import exits
from trainer import training
from trainer.capacity import remembered, segments
from trainer.running import interruption, steps, transaction

pytestmark = pytest.mark.usefixtures("small_runs")

KEY = "cnn alpha 1, 16 px, float32, train from 0, CPU"
# A global batch of 8 on two replicas: 4 each; 6 steps an epoch.


def _weights(summary):
    return summary["weights_sha256"], summary["test"], summary["best_step"]


@pytest.fixture
def train(make_config, tmp_path, monkeypatch):
    def call(name, faults="", **changes):
        monkeypatch.setenv("TRAINER_FAULTS", faults)
        config = {"epochs": 1, "run_dir": str(tmp_path / name), **changes}
        return training.train_and_evaluate(make_config(**config))

    return call


def test_out_of_memory_at_the_first_step_is_as_a_run_with_that_micro_batch(train, capsys):
    expected = train("small", micro_batch="2")
    assert (expected["micro_batch"], expected["out_of_memory_retries"]) == (2, 0)
    assert "micro-batch 2 of 4 per replica: planned 0." in capsys.readouterr().out
    for name, replica in (("first", ",replica=0"), ("second", ",replica=1"), ("both", "")):
        # --micro_batch is given, so that what an earlier run has found is not asked.
        found = train(name, f"oom@step=0,above=2{replica}", micro_batch="4")
        assert _weights(found) == _weights(expected), name
        assert (found["micro_batch"], found["out_of_memory_retries"]) == (2, 1)
        assert (
            "step 1: out of memory with micro-batches of 4; the step is done again with 2"
            in capsys.readouterr().out
        )


@contextlib.contextmanager
def _interrupted_after(steps, monkeypatch):
    left = [steps]

    def look(self):
        left[0] -= 1
        return left[0] == 0

    with monkeypatch.context() as patch, pytest.raises(exits.Interrupted):
        patch.setattr(interruption.Interruption, "look", look)
        yield


def test_out_of_memory_in_mid_run_is_as_a_micro_batch_changed_there(
    train, monkeypatch, tmp_path, empty_cache, capsys
):
    with _interrupted_after(4, monkeypatch):  # checkpoint_steps is 4
        train("changed", micro_batch="4")
    # As a process leaves it that cannot do its step again.
    remembered.write(f"{KEY}, {tmp_path / 'changed'}", 1, empty_cache)
    expected = train("changed", micro_batch="4")
    assert expected["micro_batch"] == 1
    assert "micro-batch 1 of 4 per replica: memory ran out with more" in capsys.readouterr().out
    found = train("failed", "oom@step=4,replica=1,above=1", micro_batch="4")
    assert (found["micro_batch"], found["out_of_memory_retries"]) == (1, 2)
    assert _weights(found) == _weights(expected)


def test_a_run_goes_on_with_the_micro_batch_that_it_was_stopped_with(train, monkeypatch):
    expected = train("whole", "oom@step=1,above=2")
    assert expected["micro_batch"] == 2
    remembered.default_path().unlink()
    with _interrupted_after(4, monkeypatch):
        train("stopped", "oom@step=1,above=2")
    remembered.default_path().unlink()
    found = train("stopped")
    assert (found["micro_batch"], found["out_of_memory_retries"]) == (2, 1)
    assert _weights(found) == _weights(expected)


def test_what_was_found_is_remembered_for_the_next_run(train, capsys, empty_cache):
    train("first", "oom@step=0,above=1")
    assert json.loads(empty_cache.read_text()) == {KEY: 1}
    capsys.readouterr()
    again = train("again")
    assert (again["micro_batch"], again["out_of_memory_retries"]) == (1, 0)
    assert "micro-batch 1 of 4 per replica: planned" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("worth", "remedy"),
    [(0.9, "Use"), (10, "Add --remat, with which this run goes on; or use")],
)
def test_one_example_that_is_too_large_ends_the_run_with_what_to_change(
    train, monkeypatch, worth, remedy
):
    monkeypatch.setattr(segments, "WORTH", worth)
    with pytest.raises(exits.MachineError) as error:
        train("run", "oom@step=2", micro_batch="2")
    assert str(error.value) == (
        f"A device ran out of memory with one example at a time. {remedy} a smaller --model "
        "(received: cnn) or --image_size (received: 16), or train fewer layers by a later "
        "--fine_tune_from (received: 0), in another --run_dir."
    )


def test_a_micro_batch_that_does_not_divide_is_refused(train):
    with pytest.raises(exits.UsageError, match="divide the 4 examples of each replica: 1, 2, 4."):
        train("run", micro_batch="3")


def test_a_step_whose_loss_is_not_a_number_is_skipped(train, capsys):
    summary = train("run", "nan@step=2,replica=1")
    assert summary["skipped_steps"] == 1
    assert "step 3: skipped, as its loss or gradient was not finite" in capsys.readouterr().out


class _Together:
    """A step of several workers, which memory suffices for with two examples at a time."""

    micro_batch = 4

    def __call__(self, batch, seed):
        raise steps.OutOfMemoryTogether


def test_out_of_memory_in_what_workers_do_together_leaves_the_smaller_size_to_the_next_process():
    smaller, ended = [], []
    step = transaction.Transaction(
        _Together(),
        per_replica_batch_size=4,
        on_smaller=smaller.append,
        on_end=ended.append,
        remedy=str,
    )
    with pytest.raises(exits.Interrupted) as error:
        step({}, None)
    assert str(error.value) == (
        "A device ran out of memory with micro-batches of 4, in a batch norm over all workers, "
        "which cannot be done again. Run the same command again on each of them: training goes on "
        "from the last checkpoint with micro-batches of 2."
    )
    assert (smaller, ended) == ([], [2])
