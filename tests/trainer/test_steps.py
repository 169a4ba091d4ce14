import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer import augment, models, steps, strategies

LOG3 = math.log(3)
SEED = [0, 7]
BOTH = ["default", "mirrored"]


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
    found = steps.loss_per_example(labels, tf.constant([[logit]]), positive)
    assert found.shape == (1,)
    assert float(found[0]) == pytest.approx(loss)


def test_the_loss_of_three_logits_by_hand():
    logits = tf.math.log([[1.0, 2.0, 5.0], [1.0, 2.0, 5.0]])
    found = steps.loss_per_example(tf.constant([2, 0], tf.int64), logits, 1)
    assert found.numpy() == pytest.approx([math.log(8 / 5), math.log(8)])


@pytest.mark.parametrize(("num_logits", "positive"), [(1, 0), (1, 1), (3, 1)])
def test_the_mean_loss_is_that_of_keras(num_logits, positive):
    random = np.random.default_rng(0)
    logits = tf.constant(random.normal(0, 5, (20, num_logits)), tf.float32)
    labels = tf.constant(random.integers(0, max(2, num_logits), 20))
    if num_logits == 1:
        targets = tf.cast(labels == positive, tf.float32)[:, None]
        expected = keras.losses.BinaryCrossentropy(from_logits=True)(targets, logits)
    else:
        expected = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)
    found = tf.reduce_mean(steps.loss_per_example(labels, logits, positive))
    assert float(found) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize(("positive", "right"), [(1, [1, 0, 0, 1]), (0, [0, 1, 1, 0])])
def test_one_logit_says_the_positive_class_where_it_is_above_zero(positive, right):
    labels = tf.constant([1, 0, 1, 0], tf.int64)
    found = steps.is_correct(labels, tf.constant([[2.0], [2.0], [-2.0], [-2.0]]), positive)
    assert found.numpy().astype(int).tolist() == right


def test_of_several_logits_the_highest_is_said():
    logits = tf.constant([[0.0, 1.0, 2.0], [3.0, 1.0, 2.0]])
    found = steps.is_correct(tf.constant([2, 1], tf.int64), logits, 0)
    assert found.numpy().tolist() == [True, False]


def _batch(bad=None):
    """Eight examples; `bad` is the index of one that `_spoil` spoils."""
    random = np.random.default_rng(0)
    noise = random.random((8, augment.NOISE)).astype(np.float32)
    if bad is not None:
        noise[bad, 0] = 2
    return {
        "image": random.integers(0, 256, (8, 16, 16, 3), dtype=np.uint8),
        "label": np.array([0, 1, 1, 0, 1, 1, 1, 0]),
        "position": np.arange(16, 24),
        "weight": np.ones(8, np.float32),
        "noise": noise,
    }


def _no_change(images, noise):
    return images


def _spoil(value):
    return lambda images, noise: tf.where(
        noise[:, :1, None, None] > 1, value, tf.cast(images, tf.float32)
    )


def _classifier(spec, first_layer="0"):
    keras.utils.set_random_seed(0)
    classifier = models.build(spec)
    classifier.unfreeze_from(first_layer, train_batch_norm=True)
    return classifier


class _Training:
    """A model and its step on a strategy."""

    def __init__(self, name, spec, *, change=_no_change, first_layer="0", **optimizer):
        self.strategy = strategies.make(name, logical_cpus=2)
        with self.strategy.scope():
            self.classifier = _classifier(spec, first_layer)
            self.optimizer = keras.optimizers.SGD(**optimizer)
            self.optimizer.build(self.classifier.trainable_variables)
        self.step = steps.TrainStep(
            self.strategy,
            self.classifier,
            self.optimizer,
            augment=change,
            positive=1,
            global_batch_size=8,
        )

    def distributed(self, batch):
        batches = tf.data.Dataset.from_tensor_slices(batch).batch(8, drop_remainder=True)
        (found,) = self.strategy.experimental_distribute_dataset(batches)
        return found

    def train(self, batch, seed=SEED):
        values = self.step(self.distributed(batch), tf.constant(seed, tf.int64))
        return {name: float(value) for name, value in values.items()}

    def values(self):
        return {v.path: np.array(v.numpy()) for v in self.classifier.variables}


@pytest.mark.parametrize(("name", "num_logits"), [("default", 1), ("mirrored", 1), ("mirrored", 3)])
def test_a_step_is_that_of_plain_keras_on_one_device(name, num_logits):
    spec = models.ModelSpec(models.CNN, 16, num_logits)
    batch = _batch()
    plain = _classifier(spec)
    with tf.GradientTape() as tape:
        logits = plain(batch["image"], training=True)
        loss = (
            keras.losses.BinaryCrossentropy(from_logits=True)(batch["label"][:, None], logits)
            if num_logits == 1
            else keras.losses.SparseCategoricalCrossentropy(from_logits=True)(
                batch["label"], logits
            )
        )
    gradients = tape.gradient(loss, [variable.value for variable in plain.trainable_variables])
    keras.optimizers.SGD(0.1).apply(gradients, plain.trainable_variables)
    training = _Training(name, spec, learning_rate=0.1)
    before = training.values()
    values = training.train(batch)
    assert values["loss"] == pytest.approx(float(loss), abs=1e-6)
    assert values["gradient_norm"] == pytest.approx(float(tf.linalg.global_norm(gradients)), 1e-5)
    assert values["skipped"] == 0
    for variable, (path, found) in zip(plain.variables, training.values().items(), strict=True):
        assert found == pytest.approx(variable.numpy(), abs=1e-6), path
        assert not np.array_equal(found, before[path]), path


@pytest.mark.parametrize("name", BOTH)
def test_the_accuracy_is_that_of_the_whole_batch(name, tiny_backbone):
    training = _Training(name, models.ModelSpec(tiny_backbone, 16, 1), learning_rate=0.1)
    training.classifier.head.kernel.assign(tf.zeros([5, 1]))
    training.classifier.head.bias.assign([1.0])
    # Five of the eight labels are 1.
    assert training.train(_batch())["accuracy"] == 5 / 8


def test_what_is_clipped_is_the_gradient_of_the_whole_batch(tiny_backbone):
    updates, norms = [], []
    for name in BOTH:
        spec = models.ModelSpec(tiny_backbone, 16, 1)
        training = _Training(name, spec, learning_rate=1.0, global_clipnorm=0.001)
        weights = training.classifier.trainable_variables
        before = [variable.numpy() for variable in weights]
        norms.append(training.train(_batch())["gradient_norm"])
        changes = [v.numpy() - old for v, old in zip(weights, before, strict=True)]
        updates.append(np.concatenate([change.ravel() for change in changes]))
    assert min(norms) > 0.01  # so that there is much to clip
    assert norms[0] == pytest.approx(norms[1], rel=1e-5)
    assert np.linalg.norm(updates[0]) == pytest.approx(0.001, rel=1e-3)
    assert np.linalg.norm(updates[1]) == pytest.approx(0.001, rel=1e-3)
    assert updates[1] == pytest.approx(updates[0], abs=1e-6)


@pytest.mark.parametrize(
    ("name", "bad", "value"),
    [
        ("default", 3, math.nan),
        ("mirrored", 0, math.nan),
        ("mirrored", 7, math.inf),
        ("mirrored", 7, 1e38),  # finite itself, but not what comes of it
    ],
)
def test_a_step_that_is_not_finite_is_skipped_and_changes_nothing(tiny_backbone, name, bad, value):
    spec = models.ModelSpec(tiny_backbone, 16, 1)
    training = _Training(name, spec, change=_spoil(value), learning_rate=0.1)
    before = training.values()
    assert training.train(_batch(bad))["skipped"] == 1
    after = training.values()
    for path in before:
        assert np.array_equal(before[path], after[path]), path
    assert int(training.optimizer.iterations.numpy()) == 0
    assert training.train(_batch())["skipped"] == 0
    assert int(training.optimizer.iterations.numpy()) == 1
    for path, found in training.values().items():
        assert np.isfinite(found).all(), path
        assert not np.array_equal(before[path], found), path


@pytest.mark.parametrize("name", BOTH)
def test_frozen_layers_stay_as_they_are(name, tiny_backbone):
    spec = models.ModelSpec(tiny_backbone, 16, 1)
    training = _Training(name, spec, first_layer="second", learning_rate=0.1)
    before = training.values()
    training.train(_batch())
    changed = {
        path
        for path, found in training.values().items()
        if not np.array_equal(before[path], found) and "moving" not in path
    }
    assert {path.split("/")[-2] for path in changed} == {"second", "head"}


def test_dropout_differs_from_example_to_example_and_not_with_the_replicas(tiny_backbone):
    spec = models.ModelSpec(tiny_backbone, 16, 1, dropout=0.5)
    noises = []
    for name in BOTH:
        training = _Training(name, spec, learning_rate=0.1)
        found = training.strategy.run(
            lambda batch, step=training.step: step._dropout_noise(
                batch["position"], tf.constant(SEED, tf.int64)
            ),
            args=(training.distributed(_batch()),),
        )
        parts = training.strategy.experimental_local_results(found)
        noises.append(np.concatenate([part.numpy() for part in parts]))
    assert noises[0].shape == (8, 5)
    assert len(np.unique(noises[0])) == 40
    assert np.array_equal(noises[0], noises[1])


def test_with_dropout_two_replicas_step_as_one_and_another_seed_otherwise(tiny_backbone):
    spec = models.ModelSpec(tiny_backbone, 16, 1, dropout=0.5)
    one, two, other = (_Training(name, spec, learning_rate=0.1) for name in (*BOTH, "default"))
    losses = [one.train(_batch())["loss"], two.train(_batch())["loss"]]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    assert abs(other.train(_batch(), seed=[0, 8])["loss"] - losses[0]) > 1e-3
    for path, found in two.values().items():
        assert found == pytest.approx(one.values()[path], abs=1e-6), path


def test_without_dropout_nothing_is_drawn(tiny_backbone):
    training = _Training("default", models.ModelSpec(tiny_backbone, 16, 1), learning_rate=0.1)
    assert training.step._dropout_noise(tf.range(8), tf.constant(SEED, tf.int64)) is None
