import math

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tfrecords import dataset, exits
from trainer import input_pipeline, strategies
from trainer.networks import models
from trainer.scoring import calibration, eval_step, evaluation

# Three shards are stored one after the other: examples 0, 3, 6, 9, then 1, 4, 7, then 2, 5, 8.
LABELS = [0, 1, 0, 1, 1, 0, 1, 0, 1, 0]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return dataset.load(tiny.write(tmp_path_factory.mktemp("data"), train=3, validation=3))


def _batches(source, global_batch_size):
    return input_pipeline.for_eval(
        source, "test", "label", image_size=16, global_batch_size=global_batch_size
    )


def _positions(strategy):
    """A step whose logit is the example's position."""
    return lambda batch: strategy.run(
        lambda local: tf.cast(local["position"], tf.float32)[:, None], args=(batch,)
    )


@pytest.mark.parametrize("name", ["default", "one_device", "mirrored"])
@pytest.mark.parametrize("global_batch_size", [2, 4, 8, 16])
def test_each_example_is_counted_once_and_in_stored_order(source, name, global_batch_size):
    strategy = strategies.make(name, logical_cpus=2)
    predictions = evaluation.predict(
        strategy,
        _positions(strategy),
        _batches(source, global_batch_size),
        num_examples=10,
        positive=1,
    )
    assert predictions.logits.tolist() == [[float(i)] for i in range(10)]
    assert predictions.labels.tolist() == LABELS
    assert predictions.positive == 1


def test_two_replicas_predict_what_one_does(source, two_devices):
    with two_devices.scope():
        classifier = models.build(models.ModelSpec("cnn", 16, 3))
    step = eval_step.EvalStep(two_devices, classifier)
    predictions = evaluation.predict(
        two_devices, step, _batches(source, 4), num_examples=10, positive=1
    )
    images = next(batch["image"] for batch in _batches(source, 10))
    assert predictions.logits == pytest.approx(classifier(images).numpy(), abs=1e-5)
    assert predictions.logits.std() > 0


def test_the_check_comes_after_each_batch_and_can_stop(source):
    strategy = strategies.make("default")
    calls = []

    def check(num_done):
        calls.append(num_done)
        if len(calls) == 2:
            raise exits.Interrupted("stop")

    with pytest.raises(exits.Interrupted):
        evaluation.predict(
            strategy,
            _positions(strategy),
            _batches(source, 2),
            num_examples=10,
            positive=1,
            check=check,
        )
    assert calls == [2, 4]


def test_a_split_that_shrinks_while_it_is_read_is_an_error(source):
    strategy = strategies.make("default")
    with pytest.raises(exits.DataError, match="A split of 12 examples gave 10: its shards were"):
        evaluation.predict(
            strategy, _positions(strategy), _batches(source, 4), num_examples=12, positive=1
        )


def test_the_summary_by_hand():
    logits = np.array([[math.log(3)], [-math.log(3)], [math.log(3)]], np.float32)
    predictions = evaluation.Predictions(logits, np.array([1, 0, 0]), positive=1)
    assert predictions.summary() == {
        "loss": pytest.approx((2 * math.log(4 / 3) + math.log(4)) / 3),
        "accuracy": pytest.approx(2 / 3),
        "auc": pytest.approx(0.75),
        "predicted_classes": 2,
    }


def test_the_calibration_softens_probabilities():
    predictions = evaluation.Predictions(np.array([[2 * math.log(3)]]), np.array([1]), positive=0)
    assert predictions.probabilities(calibration.Calibration(2.0)).tolist() == [
        pytest.approx([0.75, 0.25])
    ]
