import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.networks import models
from trainer.scoring import eval_step


@pytest.fixture(scope="module")
def classifier(two_devices):
    keras.utils.set_random_seed(0)
    with two_devices.scope():
        return models.build(models.ModelSpec("cnn", 16, 3))


def _batches(num_examples):
    images = np.random.default_rng(0).integers(0, 256, (num_examples, 16, 16, 3), np.uint8)
    return tf.data.Dataset.from_tensors({"image": images}), images


def _logits(strategy, step, batches):
    (batch,) = strategy.experimental_distribute_dataset(batches)
    return np.concatenate(strategy.experimental_local_results(step(batch)))


@pytest.mark.parametrize(
    ("at_a_time", "num_traced"),
    [(64, 7), (7, 7), (6, 4), (3, 3), (1, 1)],  # of the seven examples of a replica
)
def test_pieces_give_the_logits_of_the_whole(
    two_devices, classifier, monkeypatch, at_a_time, num_traced
):
    batches, images = _batches(14)
    step = eval_step.EvalStep(two_devices, classifier, at_a_time)
    seen = []
    monkeypatch.setattr(
        step, "_predict", lambda rows: seen.append(rows.shape[0]) or classifier(rows)
    )
    found = _logits(two_devices, step, batches)
    assert set(seen) == {num_traced}
    assert found == pytest.approx(classifier(images).numpy(), abs=1e-5)


def test_where_memory_runs_out_fewer_examples_are_taken_at_a_time(
    two_devices, classifier, monkeypatch
):
    def with_memory_for_three(images):
        if images.shape[0] > 3:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM")
        return classifier(images)

    batches, images = _batches(16)
    step = eval_step.EvalStep(two_devices, classifier, 8)
    monkeypatch.setattr(step, "_predict", with_memory_for_three)
    assert _logits(two_devices, step, batches) == pytest.approx(
        classifier(images).numpy(), abs=1e-5
    )
    assert step.examples_at_a_time == 2


@pytest.mark.parametrize("words", ["OOM when allocating tensor", "illegal memory access"])
def test_what_smaller_pieces_do_not_mend_is_raised(two_devices, classifier, monkeypatch, words):
    calls = []

    def fail(images):
        calls.append(1)
        raise tf.errors.ResourceExhaustedError(None, None, words)

    batches, _ = _batches(8)
    step = eval_step.EvalStep(two_devices, classifier, 4)
    monkeypatch.setattr(step, "_predict", fail)
    with pytest.raises(tf.errors.ResourceExhaustedError, match=words):
        _logits(two_devices, step, batches)
    assert len(calls) == (3 if words.startswith("OOM") else 1)
