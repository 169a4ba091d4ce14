import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.running import losses

LOG3 = math.log(3)


@pytest.mark.parametrize(
    ("logit", "label", "positive", "loss"),
    [
        (LOG3, 1, 1, math.log(4 / 3)),
        (LOG3, 0, 1, math.log(4)),
        (LOG3, 0, 0, math.log(4 / 3)),
        (LOG3, 1, 0, math.log(4)),
        (0.0, 1, 1, math.log(2)),
        (-1000.0, 1, 1, 1000),
    ],
)
def test_the_loss_of_one_logit_by_hand(logit, label, positive, loss):
    labels = tf.constant([label], tf.int64)
    found = losses.cross_entropy(labels, tf.constant([[logit]]), positive)
    assert found.shape == (1,)
    assert float(found[0]) == pytest.approx(loss)


def test_the_loss_of_three_logits_by_hand():
    logits = tf.math.log([[1.0, 2.0, 5.0], [1.0, 2.0, 5.0]])
    found = losses.cross_entropy(tf.constant([2, 0], tf.int64), logits, 1)
    assert found.numpy() == pytest.approx([math.log(8 / 5), math.log(8)])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize(("num_logits", "positive"), [(1, 0), (1, 1), (3, 1)])
def test_the_mean_loss_is_that_of_keras(num_logits, positive, smoothing):
    random = np.random.default_rng(0)
    logits = tf.constant(random.normal(0, 5, (20, num_logits)), tf.float32)
    labels = tf.constant(random.integers(0, max(2, num_logits), 20))
    options = {"from_logits": True, "label_smoothing": smoothing}
    if num_logits == 1:
        targets = tf.cast(labels == positive, tf.float32)[:, None]
        expected = keras.losses.BinaryCrossentropy(**options)(targets, logits)
    else:
        targets = tf.one_hot(labels, num_logits)
        expected = keras.losses.CategoricalCrossentropy(**options)(targets, logits)
    found = tf.reduce_mean(losses.cross_entropy(labels, logits, positive, smoothing))
    assert float(found) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize(("positive", "right"), [(1, [1, 0, 0, 1]), (0, [0, 1, 1, 0])])
def test_one_logit_says_the_positive_class_where_it_is_above_zero(positive, right):
    labels = tf.constant([1, 0, 1, 0], tf.int64)
    found = losses.is_correct(labels, tf.constant([[2.0], [2.0], [-2.0], [-2.0]]), positive)
    assert found.numpy().astype(int).tolist() == right


def test_of_several_logits_the_highest_is_said():
    logits = tf.constant([[0.0, 1.0, 2.0], [3.0, 1.0, 2.0]])
    found = losses.is_correct(tf.constant([2, 1], tf.int64), logits, 0)
    assert found.numpy().tolist() == [True, False]


@pytest.mark.parametrize(
    ("counts", "weights"),
    [([30, 10], (2 / 3, 2)), ([5, 5], (1, 1)), ([6, 0, 2], (2 / 3, 0, 2))],
)
def test_balanced_weights_are_inverse_to_the_counts(counts, weights):
    found = losses.balanced_weights(counts)
    assert found == pytest.approx(weights)
    assert sum(w * c for w, c in zip(found, counts, strict=True)) == pytest.approx(sum(counts))


def _loss(loss, further=lambda labels: 0.0, **batch):
    """The loss of two examples, real and fake, that are both thought to be fake."""
    labels = tf.constant([0, 1], tf.int64)
    return loss({"label": labels, **batch}, tf.constant([[LOG3], [LOG3]]), further).numpy()


def test_the_loss_of_a_class_counts_by_its_weight_with_what_is_further():
    loss = losses.Loss(1, class_weights=(3.0, 0.5))
    found = _loss(loss, lambda labels: tf.cast(labels, tf.float32))
    assert found == pytest.approx([3 * math.log(4), 0.5 * (math.log(4 / 3) + 1)])


def test_of_a_mixed_image_each_label_counts_by_its_share():
    found = _loss(
        losses.Loss(1, class_weights=(2.0, 1.0)),
        partner_label=tf.constant([1, 1], tf.int64),
        share=tf.constant([0.75, 0.5]),
    )
    of_real, of_fake = 2 * math.log(4), math.log(4 / 3)
    assert found == pytest.approx([0.75 * of_real + 0.25 * of_fake, of_fake])
