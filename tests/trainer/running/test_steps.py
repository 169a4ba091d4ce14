import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer import strategies
from trainer.networks import backbones, capsule, models
from trainer.running import losses, steps, updates

SEED = [0, 7]
BOTH = ["default", "mirrored"]
ALL = [*BOTH, "central_storage"]


def _batch(bad=None):
    """Eight examples; `bad` is the index of one that `_spoil` spoils."""
    random = np.random.default_rng(0)
    noise = random.random((8, 3)).astype(np.float32)
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
        self.change = change
        self.make_step()

    def make_step(self, **options):
        """Makes the step for what is trainable now."""
        self.step = steps.TrainStep(
            self.strategy,
            self.classifier,
            updates.Update(self.optimizer, self.classifier.trainable_variables),
            augment=self.change,
            loss=losses.Loss(positive=1),
            global_batch_size=8,
            **options,
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


@pytest.mark.parametrize(
    ("name", "num_logits"),
    [("default", 1), ("mirrored", 1), ("mirrored", 3), ("central_storage", 1)],
)
def test_a_step_is_that_of_plain_keras_on_one_device(name, num_logits):
    spec = models.ModelSpec("cnn", 16, num_logits)
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
        ("central_storage", 7, math.nan),
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


def test_with_dropout_two_replicas_step_as_one_and_another_seed_otherwise(tiny_backbone):
    spec = models.ModelSpec(tiny_backbone, 16, 1, dropout=0.5)
    one, two, other = (_Training(name, spec, learning_rate=0.1) for name in (*BOTH, "default"))
    losses = [one.train(_batch())["loss"], two.train(_batch())["loss"]]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    assert abs(other.train(_batch(), seed=[0, 8])["loss"] - losses[0]) > 1e-3
    for path, found in two.values().items():
        assert found == pytest.approx(one.values()[path], abs=1e-6), path


def _train_in(name, micro_batch, spec, *, train_batch_norm=False, steps_taken=2):
    training = _Training(name, spec, learning_rate=0.1)
    if not train_batch_norm:
        training.classifier.unfreeze_from("0", train_batch_norm=False)
    training.make_step(micro_batch=micro_batch)
    losses = [training.train(_batch(), seed=[0, k])["loss"] for k in range(steps_taken)]
    return losses, training.values()


@pytest.mark.parametrize(
    ("name", "micro_batch"), [("default", 2), ("mirrored", 1), ("central_storage", 1)]
)
def test_micro_batches_give_the_update_of_the_whole_batch(tiny_backbone, name, micro_batch):
    spec = models.ModelSpec(tiny_backbone, 16, 1, dropout=0.5)
    losses, values = _train_in("default", 8, spec)
    found_losses, found = _train_in(name, micro_batch, spec)
    assert found_losses == pytest.approx(losses, abs=1e-6)
    for path, value in values.items():
        assert found[path] == pytest.approx(value, abs=1e-6), path


@pytest.mark.parametrize("name", ["mirrored", "central_storage"])
def test_batch_norm_sees_micro_batches_over_all_replicas_and_moves_once_a_step(name, tiny_backbone):
    # Two replicas with micro-batches of 2 normalise as one with micro-batches of 4 would, if the
    # rows of its micro-batches were 0, 1, 4, 5 and 2, 3, 6, 7.
    spec = models.ModelSpec(tiny_backbone, 16, 1)
    training = _Training(name, spec, learning_rate=0.0)
    training.make_step(micro_batch=2)
    batch = _batch()
    training.train(batch)
    classifier = _classifier(spec)
    first = classifier.backbone.get_layer("first")
    outputs = first(batch["image"].astype(np.float32) / 127.5 - 1).numpy()
    parts = [outputs[[0, 1, 4, 5]], outputs[[2, 3, 6, 7]]]
    mean = np.mean([part.mean(axis=(0, 1, 2)) for part in parts], axis=0)
    variance = np.mean([part.var(axis=(0, 1, 2)) for part in parts], axis=0)
    norm = training.classifier.backbone.get_layer("norm")
    assert norm.moving_mean.numpy() == pytest.approx(0.5 * 0 + 0.5 * mean, abs=1e-5)
    assert norm.moving_variance.numpy() == pytest.approx(0.5 * 1 + 0.5 * variance, abs=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_a_step_without_memory_leaves_all_as_it_was(name, tiny_backbone):
    training = _Training(name, models.ModelSpec(tiny_backbone, 16, 1), learning_rate=0.1)
    memory = [10**9]

    def strike(size):
        if size > memory[0]:
            raise MemoryError
        return np.float32(1)

    # The second micro-batch fails: the first has changed the statistics of batch norm already.
    calls = iter([10**9, 10**9, 0, *[10**9] * 100])

    def fault(size):
        def call(size):
            memory[0] = next(calls)
            return strike(size)

        return tf.ensure_shape(tf.numpy_function(call, [size], tf.float32), [])

    training.make_step(micro_batch=2, fault=fault)
    before = training.values()
    with pytest.raises(steps.OutOfMemory):
        training.train(_batch())
    after = training.values()
    for path in before:
        assert np.array_equal(before[path], after[path]), path
    assert int(training.optimizer.iterations.numpy()) == 0
    assert training.train(_batch())["skipped"] == 0


def test_where_another_worker_has_no_memory_nothing_happens_here(tiny_backbone):
    training = _Training("mirrored", models.ModelSpec(tiny_backbone, 16, 1), learning_rate=0.1)
    asked = []
    training.make_step(in_any_worker=lambda failed: asked.append(failed) or True)
    before = training.values()
    with pytest.raises(steps.OutOfMemory):
        training.train(_batch())
    assert asked == [False]
    for path, value in training.values().items():
        assert np.array_equal(before[path], value), path


def test_an_error_of_another_kind_is_not_taken_for_memory(tiny_backbone):
    training = _Training("default", models.ModelSpec(tiny_backbone, 16, 1), learning_rate=0.1)
    training.make_step(fault=lambda size: tf.debugging.assert_equal(size, 0) or 1.0)
    with pytest.raises(tf.errors.InvalidArgumentError):
        training.train(_batch())


def _with_stochastic_depth(include_top, weights, input_shape):
    layers = keras.layers
    inputs = keras.Input(input_shape)
    features = layers.Conv2D(16, 4, strides=4)(inputs)
    return keras.Model(inputs, layers.Dropout(0.5)(features))


def test_what_layers_draw_follows_from_the_step_and_differs_from_part_to_part(monkeypatch):
    entry = backbones.Backbone(_with_stochastic_depth, lambda pixels: pixels / 255)
    monkeypatch.setitem(backbones.BACKBONES, "deep", entry)
    spec = models.ModelSpec("deep", 16, 1)
    batch = _batch()
    for name in ("image", "label", "noise"):
        batch[name][:] = batch[name][0]
    training = _Training("mirrored", spec, learning_rate=0.0)
    losses = [training.train(batch, seed=[0, step])["loss"] for step in (1, 2, 1)]
    assert losses[0] == losses[2] != losses[1]


def test_with_dropout_inside_the_network_two_replicas_step_as_one():
    spec = models.ModelSpec("cnn_6_blocks", 64, 1, head_units=(8,), head_batch_norm=True)
    batch = {**_batch(), "image": np.random.default_rng(0).integers(0, 256, (8, 64, 64, 3), "u1")}
    one, two, other = (_Training(name, spec, learning_rate=0.01) for name in (*BOTH, "default"))
    losses = [one.train(batch)["loss"], two.train(batch)["loss"]]
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)  # of seven batch norms in a row
    assert abs(other.train(batch, seed=[0, 8])["loss"] - losses[0]) > 1e-3


def test_the_loss_of_a_capsule_network_is_that_of_its_logits_and_its_lengths():
    spec = models.ModelSpec("capsnet", 32, 2)
    training = _Training("mirrored", spec, learning_rate=0.0)
    batch = {**_batch(), "image": np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), "u1")}
    lengths = training.classifier.features(batch["image"])
    labels = tf.constant(batch["label"])
    of_logits = losses.cross_entropy(labels, training.classifier.classify(lengths), 1)
    expected = float(tf.reduce_mean(of_logits + capsule.margin_loss(labels, lengths)))
    assert training.train(batch)["loss"] == pytest.approx(expected, abs=1e-5)
