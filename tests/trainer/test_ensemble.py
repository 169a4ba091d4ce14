import dataclasses
import importlib
import json
import pathlib

import keras
import numpy as np
import pytest

from tests import tiny
from tests.trainer.comparing import painted_runs
from tfrecords import dataset, exits
from trainer import bundle, ensemble, evaluate, input_pipeline
from trainer.comparing import comparison, runs
from trainer.ensemble import EvaluateConfig
from trainer.networks import models
from trainer.scoring import scored
from trainer.scoring.calibration import Calibration

CALIBRATIONS = {"a": Calibration(2.0, 0.5), "b": Calibration(0.5, -1.0)}


def _write(path, classifier, **changes):
    fields = {
        "model": classifier.spec,
        "target": "label",
        "class_names": ("real", "fake"),
        "positive": 1,
        "calibration": Calibration(),
        "threshold": 0.5,
        "trained_on": {"dataset": "tiny", "version": "1.0.0", "plan_digest": "0" * 64},
        "weights_sha256": bundle.weights_sha256(classifier),
    }
    bundle.write(path, bundle.BundleConfig(**{**fields, **changes}), classifier)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with a dataset and the bundles of two runs, one bare."""
    directory = tmp_path_factory.mktemp("place")
    tiny.write(directory / "data", train=4, validation=4, group_size=2)
    for seed, name in enumerate("ab"):
        keras.utils.set_random_seed(seed)
        classifier = models.build(models.ModelSpec("cnn", 16 + 16 * seed, 1))
        (directory / name).mkdir()
        _write(directory / name / "bundle", classifier, calibration=CALIBRATIONS[name])
    return directory


@pytest.fixture
def config(place, tmp_path):
    def make(*names, **changes):
        paths = ",".join(str(place / name) for name in names)
        fields = {"data_dir": str(place / "data"), "dataset": "tiny", "global_batch_size": 4}
        fields |= {"output_dir": str(tmp_path / "out"), "bundles": paths}
        return EvaluateConfig(**{**fields, **changes})

    return make


def _probabilities(place, name, size):
    source = dataset.load(place / "data" / "tiny" / "1.0.0")
    batches = input_pipeline.for_eval(
        source, "test", "label", image_size=size, global_batch_size=10
    )
    images = next(iter(batches))["image"].numpy()
    return bundle.load(place / name / "bundle").probabilities(images)


def test_an_ensemble_has_the_mean_of_calibrated_probabilities(place, config, tmp_path, capsys):
    summary = ensemble.evaluate(config("a", "b/bundle", strategy="mirrored"))
    found = scored.Scored.read(tmp_path / "out" / "test_predictions.csv", positive=1)
    each = [_probabilities(place, "a", 16), _probabilities(place, "b", 32)]
    assert found.chances == pytest.approx(np.mean(each, axis=0), abs=1e-5)
    assert abs(each[0] - each[1]).max() > 0.01
    assert found.group_ids[:3] == ("test/0000.jpg", "test/0002.jpg", "test/0006.jpg")
    assert summary == json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["test"] == found.evaluate()
    assert (summary["model"], summary["image_size"]) == ("cnn + cnn", "16, 32")
    assert summary["parameters"]["total"] == 2 * 98_289
    printed = capsys.readouterr().out
    assert f"{place / 'a' / 'bundle'}: AUC " in printed
    assert "\ntogether: AUC " in printed


def test_its_results_stand_beside_those_of_runs(place, config, tmp_path, capsys):
    ensemble.evaluate(config("a"))
    assert capsys.readouterr().out.count("AUC ") == 1
    ensemble.evaluate(config("a"))  # again, in the place of the first
    found = runs.read(tmp_path / "out", "a")
    assert (found.epochs, found.seconds, found.flags) == (None, None, {})
    assert "out" in comparison.compare(comparison.CompareConfig(), [str(tmp_path / "out")])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class_names": ("fake", "real")}, r"class_names \('real', 'fake'\), .*'fake', 'real'"),
        ({"target": "content"}, "has target 'label', .* has 'content'. Leave one of them out"),
    ],
)
def test_bundles_that_have_learnt_something_else_are_refused(
    place, config, tmp_path, changes, message
):
    _write(tmp_path / "other", bundle.load(place / "a" / "bundle").classifier, **changes)
    with pytest.raises(exits.UsageError, match=message):
        ensemble.evaluate(config("a", str(tmp_path / "other")))
    assert not (tmp_path / "out").exists()


def test_a_dataset_of_other_classes_is_refused(config, tmp_path):
    tiny.write(tmp_path / "data", class_names=("cat", "dog"), train=2, validation=2, test=2)
    with pytest.raises(exits.UsageError, match="are cat, dog, those of the bundle real, fake"):
        ensemble.evaluate(config("a", data_dir=str(tmp_path / "data")))


def test_the_directory_of_a_run_is_not_written_over(config, tmp_path):
    painted_runs.write(tmp_path / "run", skill=1)
    before = (tmp_path / "run" / "summary.json").read_bytes()
    with pytest.raises(exits.UsageError, match=r"run is already in use, .* Choose another --out"):
        ensemble.evaluate(config("a", output_dir=str(tmp_path / "run")))
    assert (tmp_path / "run" / "summary.json").read_bytes() == before


@pytest.mark.parametrize(
    ("dataset_name", "digest", "split", "words"),
    [
        ("tiny", "0" * 64, "train", "was trained on this split: its numbers are too good"),
        ("tiny", "0" * 64, "validation", "was chosen and calibrated on this split"),
        ("tiny", "1" * 64, "test", "was trained on another build of tiny"),
        ("tiny", "0" * 64, "test", ""),
        ("faces", "1" * 64, "train", ""),
    ],
)
def test_numbers_that_are_too_good_are_said_to_be(
    place, capsys, dataset_name, digest, split, words
):
    path = place / "a" / "bundle"
    trained_on = {"dataset": dataset_name, "version": "1.0.0", "plan_digest": digest}
    found = dataclasses.replace(bundle.read_config(path), trained_on=trained_on)
    ensemble._warn(path, found, dataset.find(place / "data", "tiny"), split)
    printed = capsys.readouterr().out
    assert words in printed
    assert bool(printed) == bool(words)


def test_the_results_are_named_after_the_bundles():
    config = EvaluateConfig(bundles="runs/R2d,runs/R4c/bundle", dataset="faces", split="validation")
    assert config.output_path == pathlib.Path("runs/R2d+R4c_on_faces_validation")


@pytest.mark.parametrize("words", [None, "", ","])
def test_without_bundles_there_is_an_example(words):
    with pytest.raises(exits.UsageError, match="as in: --bundles=runs/a,runs/b. Received: "):
        EvaluateConfig(bundles=words)


def test_what_is_no_bundle_is_named(config, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(exits.DataError, match="empty is no bundle of this software"):
        ensemble.evaluate(config(str(tmp_path / "empty")))


def test_flags_reach_the_program(monkeypatch):
    entry = importlib.reload(evaluate)
    received = []
    monkeypatch.setattr(ensemble, "evaluate", received.append)
    entry.main(entry.parse_flags(["evaluate", "--bundles=a,b", "--split=validation"]))
    assert received == [EvaluateConfig(bundles="a,b", split="validation")]
    assert set(entry.FLAGS) == {field.name for field in dataclasses.fields(EvaluateConfig)}
