import dataclasses
import json

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tfrecords import dataset, exits
from trainer import bundle, input_pipeline
from trainer.networks import models
from trainer.scoring import eval_step, evaluation
from trainer.scoring.calibration import Calibration

SPEC = models.ModelSpec("cnn", 16, 1, dropout=0.2)


def _config(classifier, **changes):
    fields = {
        "model": classifier.spec,
        "target": "label",
        "class_names": ("real", "fake"),
        "positive": 1,
        "calibration": Calibration(2.0, 0.5),
        "threshold": 0.5,
        "trained_on": {"dataset": "tiny", "version": "1.0.0", "plan_digest": "0" * 64},
        "weights_sha256": bundle.weights_sha256(classifier),
    }
    return bundle.BundleConfig(**{**fields, **changes})


def _classifier(seed=0):
    keras.utils.set_random_seed(seed)
    classifier = models.build(SPEC)
    random = np.random.default_rng(seed)
    for variable in classifier.variables:
        # Moving statistics, too, are not those of a new model.
        variable.assign(variable + random.uniform(0, 0.2, variable.shape))
    return classifier


@pytest.fixture
def written(tmp_path):
    classifier = _classifier()
    bundle.write(tmp_path / "bundle", _config(classifier), classifier)
    return tmp_path / "bundle"


def test_a_bundle_predicts_what_the_evaluation_on_two_replicas_did(tmp_path, two_devices):
    source = dataset.load(tiny.write(tmp_path / "data", train=3, validation=3))
    with two_devices.scope():
        classifier = _classifier()
    bundle.write(tmp_path / "bundle", _config(classifier), classifier)
    batches = input_pipeline.for_eval(source, "test", "label", image_size=16, global_batch_size=4)
    step = eval_step.EvalStep(two_devices, classifier)
    predictions = evaluation.predict(two_devices, step, batches, num_examples=10, positive=1)
    images = np.concatenate([batch["image"] for batch in batches.as_numpy_iterator()])[:10]
    found = bundle.load(tmp_path / "bundle").probabilities(images)
    assert found.shape == (10, 2)
    assert found == pytest.approx(predictions.probabilities(Calibration(2.0, 0.5)), abs=1e-5)
    assert found.sum(axis=1) == pytest.approx(1)
    assert found.std() > 0


def test_what_was_written_is_loaded(written):
    loaded = bundle.load(written)
    assert loaded.config == dataclasses.replace(
        _config(_classifier()), weights_file_sha256=loaded.config.weights_file_sha256
    )
    assert bundle.weights_sha256(loaded.classifier) == loaded.config.weights_sha256
    assert len(loaded.config.weights_file_sha256) == 64


def test_a_bundle_is_a_text_and_numbers_and_no_code(written):
    assert sorted(path.name for path in written.iterdir()) == ["config.json", "model.weights.h5"]
    kinds = set()
    with h5py.File(written / "model.weights.h5") as file:
        file.visititems(
            lambda _, item: kinds.add(item.dtype.kind) if isinstance(item, h5py.Dataset) else None
        )
    assert kinds == {"f"}


def test_a_new_bundle_takes_the_place_of_an_old_one(written):
    (written / "stale").write_text("x")
    classifier = _classifier(seed=1)
    bundle.write(written, _config(classifier, calibration=Calibration(3.0)), classifier)
    assert bundle.load(written).config.calibration == Calibration(3.0, 0.0)
    assert [path.name for path in written.parent.iterdir()] == ["bundle"]
    assert not (written / "stale").exists()


def test_the_hash_is_of_values_and_not_of_where_they_are(two_devices):
    with two_devices.scope():
        mirrored = _classifier()
    single = _classifier()
    assert bundle.weights_sha256(mirrored) == bundle.weights_sha256(single)
    single.head.bias.assign(single.head.bias + tf.constant([1e-6]))
    assert bundle.weights_sha256(mirrored) != bundle.weights_sha256(single)


def test_one_flipped_bit_of_the_weights_is_noticed(written):
    path = written / "model.weights.h5"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(exits.DataError, match=r"model\.weights\.h5 is damaged: its sha256 is"):
        bundle.load(written)


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_a_file_that_is_missing_is_named(written, name):
    (written / name).unlink()
    with pytest.raises(exits.DataError, match=f"bundle is no bundle of this software: .*{name}"):
        bundle.load(written)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format_version": 2}, "its format version is 2"),
        ({"surplus": 1}, "surplus"),
        ({"model": {"name": "gpt", "image_size": 16, "num_logits": 1}}, "--model must be one of"),
        ({"model": {"layers": []}}, "layers"),
    ],
)
def test_another_format_is_refused(written, changes, reason):
    path = written / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(exits.DataError, match=f"is no bundle of this software: .*{reason}"):
        bundle.load(written)


@pytest.mark.parametrize("text", ["", "[]", '{"format_ver', "{}"])
def test_a_configuration_that_is_none_is_refused(written, text):
    (written / "config.json").write_text(text)
    with pytest.raises(exits.DataError, match="is no bundle of this software"):
        bundle.load(written)
