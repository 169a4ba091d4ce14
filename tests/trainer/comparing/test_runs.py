import json

import pytest

from tests.trainer.comparing import painted_runs
from trainer.comparing import runs
from trainer.comparing.runs import Untested


@pytest.fixture
def run(tmp_path):
    return painted_runs.write(tmp_path / "run", skill=1, epochs=4, learning_rate=3e-3)


def _change(run, **changes):
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps({**summary, **changes}))


def test_a_run_tells_its_facts(run):
    found = runs.read(run, "cnn 1")
    assert (found.name, found.model, found.parameters) == ("cnn 1", "cnn", 98_289)
    assert (found.epochs, found.seconds, found.memory_mb) == (4, 61.2, 1500)
    assert found.flags["learning_rate"] == 3e-3
    assert found.test == found.examples.evaluate()


def test_a_run_that_is_not_complete_says_how_far_it_is_and_how_it_goes_on(tmp_path):
    path = painted_runs.write(tmp_path / "run", skill=1, epochs=3, is_complete=False)
    found = runs.read(path, "run")
    assert isinstance(found, Untested)
    assert found.reason == (
        "is not complete: 30 steps, epoch 3 of phase train; it goes on with "
        f"python -m trainer.main --flagfile={path}/flags.txt"
    )
    (path / "metrics.jsonl").unlink()
    assert "no step is logged yet" in runs.read(path, "run").reason


def test_a_run_of_an_earlier_version_is_to_be_tested_again(run):
    summary = json.loads((run / "summary.json").read_text())
    del summary["test_set"]
    (run / "summary.json").write_text(json.dumps(summary))
    reason = runs.read(run, "run").reason
    assert reason.endswith(f"python -m trainer.evaluate --bundles={run} --dataset=faces")


def test_predictions_of_other_examples_than_those_tested_are_noticed(run):
    text = (run / "test_predictions.csv").read_text()
    (run / "test_predictions.csv").write_text(text.replace("0001.jpg", "other.jpg"))
    assert runs.read(run, "run").reason == (
        "cannot be read: test_predictions.csv is not of the test in its summary"
    )


@pytest.mark.parametrize("name", ["summary.json", "metrics.jsonl", "test_predictions.csv"])
def test_a_damaged_file_costs_that_run_alone(run, name):
    path = run / name
    path.write_text(path.read_text()[:-30])
    assert runs.read(run, "run").reason.startswith("cannot be read: ")


def test_another_directory_is_no_run(tmp_path):
    assert runs.read(tmp_path, "x") == Untested("x", "is no run", [])
