"""Each strategy gives the numbers of one device, with whatever else a run can be told."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.trainer import conftest
from trainer import config as configs
from trainer import strategies
from trainer.networks import backbones, models, precision
from trainer.running import loss_scale, losses, phases, steps

BATCH = 8
IN_ORDER = tuple(range(BATCH))
TOLERANCE = {"float32": 1e-6, "bfloat16": 2e-2, "float16": 2e-3}


@pytest.fixture(autouse=True)
def tiny_backbone(monkeypatch):
    entry = backbones.Backbone(conftest.tiny_network, lambda pixels: pixels / 127.5 - 1)
    monkeypatch.setitem(backbones.BACKBONES, "tiny", entry)


def _batch(order, glaring):
    random = np.random.default_rng(0)
    columns = {
        "image": random.integers(0, 256, (BATCH, 16, 16, 3), dtype=np.uint8),
        "label": np.array([0, 1, 1, 0, 1, 1, 1, 0]),
        "position": np.arange(16, 16 + BATCH),
        "noise": random.random((BATCH, 1)).astype(np.float32),
    }
    if glaring is not None:
        columns["noise"][glaring] = 2
    return {name: values[list(order)] for name, values in columns.items()}


def _glare(images, noise):
    """Makes images marked by their noise so bright that they show in float16."""
    return tf.where(noise[:, :1, None, None] > 1, 1e6, tf.cast(images, tf.float32))


def _train(name, *options, num_steps=3):
    """Returns the losses of some steps, and the weights and averages after them."""
    step, batch, classifier, average = _step(name, *options)
    found = [step(batch, tf.constant([0, k], tf.int64)) for k in range(num_steps)]
    assert [float(values["skipped"]) for values in found] == [0] * num_steps
    averages = [variable.numpy() for variable in average.averages] if average else []
    return [float(values["loss"]) for values in found], _weights(classifier), averages


def _weights(classifier):
    return {variable.path: np.array(variable.numpy()) for variable in classifier.variables}


def _step(
    name,
    reckons_in,
    clip_norm,
    ema_momentum,
    batch_norm,
    micro_batch,
    order=IN_ORDER,
    glaring=None,
):
    config = configs.TrainConfig(
        optimizer="sgd", clip_norm=clip_norm, ema_momentum=ema_momentum, warmup_epochs=0
    )
    phase = phases.Phase("train", 1, 0.1, "0")
    strategy = strategies.make(name, logical_cpus=2)
    keras.utils.set_random_seed(0)
    with strategy.scope():
        with precision.of_new_layers(reckons_in):
            classifier = models.build(models.ModelSpec("tiny", 16, 1, dropout=0.5))
        phases.prepare(phase, classifier, pretrained=True, batch_norm=batch_norm)
        optimizer = phases.optimizer(config, phase, 100)
        optimizer.build(classifier.trainable_variables)
        average = phases.average(config, classifier)
        step = steps.TrainStep(
            strategy,
            classifier,
            phases.update(config, phase, classifier, optimizer, average),
            augment=_glare,
            loss=losses.Loss(positive=1),
            global_batch_size=BATCH,
            micro_batch=micro_batch,
            loss_scale=loss_scale.LossScale() if reckons_in == "float16" else None,
        )
    batches = tf.data.Dataset.from_tensor_slices(_batch(order, glaring))
    batches = batches.batch(BATCH, drop_remainder=True)
    (batch,) = strategy.experimental_distribute_dataset(batches)
    return step, batch, classifier, average


@functools.cache
def _on_one_device(*options):
    return _train("default", *options)


def _alike(batch_norm, replicas, micro_batch):
    """Returns the micro-batch and order of one device that batch norm cannot tell from these."""
    if batch_norm == "frozen":
        return BATCH, IN_ORDER
    if batch_norm == "local":
        return micro_batch, IN_ORDER
    # Synchronised: the first micro-batches of all replicas make one, and so on.
    rows = np.arange(BATCH).reshape(replicas, -1, micro_batch).swapaxes(0, 1)
    return micro_batch * replicas, tuple(rows.ravel().tolist())


# Any two values of different columns meet in a row, but for local statistics in central storage,
# which are refused, and float16 with frozen statistics, which meet below. In float32 each policy of
# batch norm meets two replicas with and without accumulation. The strategy `default` is itself what
# is compared with.
TABLE = [
    # strategy, precision, clip_norm, ema_momentum, batch_norm, whether it accumulates
    ("one_device", "float32", 0, 0, "frozen", True),
    ("one_device", "float32", 0.05, 0.9, "local", False),
    ("one_device", "bfloat16", 0.05, 0, "sync", True),
    ("one_device", "float16", 0, 0.9, "local", False),
    ("mirrored", "float32", 0.05, 0.9, "frozen", False),
    ("mirrored", "float32", 0, 0, "frozen", True),
    ("mirrored", "float32", 0, 0.9, "sync", False),
    ("mirrored", "float32", 0.05, 0, "sync", True),
    ("mirrored", "float32", 0.05, 0, "local", False),
    ("mirrored", "float32", 0, 0.9, "local", True),
    ("mirrored", "bfloat16", 0, 0.9, "local", True),
    ("mirrored", "float16", 0.05, 0, "sync", False),
    ("central_storage", "float32", 0, 0, "frozen", False),
    ("central_storage", "float32", 0.05, 0.9, "frozen", True),
    ("central_storage", "float32", 0, 0.9, "sync", False),
    ("central_storage", "float32", 0.05, 0, "sync", True),
    ("central_storage", "bfloat16", 0.05, 0, "frozen", False),
    ("central_storage", "float16", 0, 0.9, "sync", True),
]


@pytest.mark.parametrize(
    ("name", "reckons_in", "clip_norm", "ema_momentum", "batch_norm", "accumulates"), TABLE
)
def test_the_numbers_are_those_of_one_device(
    name, reckons_in, clip_norm, ema_momentum, batch_norm, accumulates
):
    replicas = strategies.make(name, logical_cpus=2).num_replicas_in_sync
    micro_batch = 2 if accumulates else BATCH // replicas
    options = (reckons_in, clip_norm, ema_momentum, batch_norm)
    found_losses, found, found_averages = _train(name, *options, micro_batch)
    expected_losses, expected, averages = _on_one_device(
        *options, *_alike(batch_norm, replicas, micro_batch)
    )
    tolerance = TOLERANCE[reckons_in]
    assert found_losses == pytest.approx(expected_losses, abs=tolerance)
    assert len(set(found_losses)) == 3
    for path, value in expected.items():
        assert found[path] == pytest.approx(value, abs=tolerance), path
    for value, of_one_device in zip(found_averages, averages, strict=True):
        assert value == pytest.approx(of_one_device, abs=tolerance)


@pytest.mark.parametrize("others", [{"clip_norm": 0.05}, {"batch_norm": "sync"}])
def test_what_the_table_varies_changes_the_numbers(others):
    plain = {"reckons_in": "float32", "clip_norm": 0, "ema_momentum": 0, "batch_norm": "frozen"}
    first, second = (
        _on_one_device(*{**plain, **changes}.values(), BATCH, IN_ORDER) for changes in ({}, others)
    )
    assert first[0][2] != pytest.approx(second[0][2], abs=1e-4)


@pytest.mark.parametrize("glaring", [0, 7])  # an example of the first replica, or of the last
def test_an_overflow_on_either_replica_is_the_same_as_on_one_device(glaring):
    found = {}
    for name in ("default", "mirrored"):
        step, batch, classifier, _ = _step(
            name, "float16", 0.05, 0, "frozen", None, glaring=glaring
        )
        for layer in ("first", "second"):
            kernel = classifier.backbone.get_layer(layer).kernel
            kernel.assign(tf.fill(kernel.shape, 0.1))
        classifier.head.kernel.assign(tf.fill([5, 1], 0.1))
        before = _weights(classifier)
        values = [step(batch, tf.constant([0, k], tf.int64)) for k in range(3)]
        for path, value in _weights(classifier).items():
            assert np.array_equal(value, before[path]), path
        values += [step(batch, tf.constant([0, k], tf.int64)) for k in range(3, 12)]
        columns = {key: [float(row[key]) for row in values] for key in values[0]}
        found[name] = columns, _weights(classifier)
    columns, weights = found["default"]
    assert columns["overflowed"][:3] == columns["skipped"][:3] == [1, 1, 1]
    assert columns["overflowed"][-1] == columns["skipped"][-1] == 0
    assert columns["loss_scale"][:4] == [2.0**15, 2.0**14, 2.0**13, 2.0**12]
    assert np.isfinite(columns["loss"]).all()
    assert found["mirrored"][0]["overflowed"] == columns["overflowed"]
    assert found["mirrored"][0]["loss"] == pytest.approx(columns["loss"], rel=2e-3)
    for path, value in found["mirrored"][1].items():
        assert np.isfinite(value).all()
        assert value == pytest.approx(weights[path], abs=2e-3), path
