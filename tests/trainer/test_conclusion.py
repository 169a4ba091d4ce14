import math
import pathlib

import numpy as np
import pytest

from tfrecords import dataset
from trainer import bundle, conclusion
from trainer.networks import models
from trainer.reporting import plots
from trainer.scoring import evaluation, scored
from trainer.scoring.calibration import Calibration
from trainer.task import Task

# The stored order of ten examples in three shards.
LABELS = np.array([0, 1, 0, 1, 1, 0, 1, 0, 1, 0])


@pytest.fixture
def task(make_config):
    config = make_config()
    return Task(config, dataset.find(pathlib.Path(config.data_dir), "tiny"))


def _predictions(logits, labels=LABELS):
    return evaluation.Predictions(np.array(logits, np.float32)[:, None], labels, positive=1)


def test_the_calibration_of_the_validation_split_is_used_for_both(task, tmp_path):
    # Three of four are right at a logit of 2 ln 3, which is honest at ln 3.
    logits = 2 * math.log(3) * np.array([1, 1, 1, 1, -1, -1, -1, -1] * 2)
    validation = _predictions(logits, np.array([1, 1, 1, 0, 0, 0, 0, 1] * 2))
    test = _predictions([2 * math.log(3)] * 10)
    found = conclusion.evaluate(tmp_path, task, validation, test)
    assert found["calibration"]["temperature"] == pytest.approx(2, rel=1e-3)
    assert found["calibration"]["offset"] == pytest.approx(0, abs=1e-3)
    assert found["validation"]["accuracy"] == 0.75
    assert found["test"]["confusion_matrix"] == [[0, 5], [0, 5]]
    predictions = scored.Scored.read(tmp_path / "test_predictions.csv", positive=1)
    assert predictions.chances[:, 1] == pytest.approx(0.75, abs=1e-3)
    assert predictions.labels.tolist() == LABELS.tolist()
    assert predictions.image_ids[:5] == tuple(f"test/000{i}.jpg" for i in (0, 3, 6, 9, 1))
    assert found["test_set"] == {
        "dataset": "tiny",
        "version": "1.0.0",
        "plan_digest": "0" * 64,
        "split": "test",
        "target": "label",
        "class_names": ["real", "fake"],
        "positive": 1,
        "examples_sha256": predictions.sha256(),
    }


def test_the_bundle_says_what_the_model_is_and_was_trained_on(task, tmp_path):
    classifier = models.build(task.model_spec)
    digest = conclusion.write_bundle(tmp_path, task, classifier, Calibration(1.5, 0.25))
    config = bundle.load(tmp_path / "bundle").config
    assert config.weights_sha256 == digest == bundle.weights_sha256(classifier)
    assert (config.class_names, config.positive) == (("real", "fake"), 1)
    assert (config.calibration, config.threshold) == (Calibration(1.5, 0.25), 0.5)
    assert config.trained_on == {
        "dataset": "tiny",
        "version": "1.0.0",
        "plan_digest": "0" * 64,
    }


@pytest.fixture
def captions(monkeypatch):
    """The captions of the pictures that are painted."""
    painted = []

    def paint(images, texts, columns=4):
        assert all(image.shape == (16, 16, 3) for image in images)
        painted.extend(texts)
        return np.zeros((1, 1, 3), np.uint8)

    monkeypatch.setattr(plots, "image_grid", paint)
    return painted


def test_the_worst_mistakes_come_first_and_are_named(task, captions):
    logits = np.where(LABELS == 1, 5.0, -5.0)
    logits[[2, 4, 9]] = [1.0, -3.0, 2.0]
    found = conclusion._worst_mistakes(task, _predictions(logits), Calibration())
    assert list(found) == ["worst_mistakes"]
    assert captions == [
        "test/0001.jpg\nis fake, called real: 0.95",
        "test/0008.jpg\nis real, called fake: 0.88",
        "test/0006.jpg\nis real, called fake: 0.73",
    ]


def test_without_mistakes_there_is_no_picture_of_them(task, captions):
    logits = np.where(LABELS == 1, 5.0, -5.0)
    assert conclusion._worst_mistakes(task, _predictions(logits), Calibration()) == {}
    assert captions == []


def test_the_augmented_batch_shows_each_image_with_its_class(task, captions):
    conclusion.augmented_batch(task)
    assert len(captions) == 8
    assert set(captions) == {"real", "fake"}
