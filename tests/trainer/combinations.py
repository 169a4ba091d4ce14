"""What a step can be told, put together in every way, and the numbers that come of it.

As a program it is one of several workers, and writes the numbers of all combinations of a list that
all of them go through: `python -m tests.trainer.combinations 'found-{}.npz'`, with TF_CONFIG.
"""

import dataclasses
import functools
import itertools
import pathlib
import sys
import types
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfrecords import dataset
from trainer import config as configs
from trainer import faults, strategies, task
from trainer.features import cache
from trainer.networks import backbones, models, precision
from trainer.reporting import progress
from trainer.running import (
    checkpoints,
    interruption,
    loss_scale,
    losses,
    phases,
    steps,
    transaction,
)
from trainer.workers import agreement, cluster, meeting

BATCH = 8
IN_ORDER = tuple(range(BATCH))
NUM_STEPS = 3
ACCUMULATED = 2  # examples of a micro-batch

Numbers = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Combination:
    """What a step is told beside its strategy."""

    reckons_in: str
    batch_norm: str
    clip_norm: float
    ema_momentum: float
    accumulates: bool
    remat: bool = False

    def __str__(self) -> str:
        return "-".join(map(str, dataclasses.astuple(self)))

    def micro_batch(self, replicas: int) -> int:
        """Returns the examples that each of some replicas works on at a time."""
        return ACCUMULATED if self.accumulates else BATCH // replicas

    def on_one_device(self, replicas: int) -> tuple[int, tuple[int, ...]]:
        """Returns a micro-batch and an order whose numbers are those of some replicas."""
        size = self.micro_batch(replicas)
        if self.batch_norm == "frozen":
            return BATCH, IN_ORDER
        if self.batch_norm == "local":
            return size, IN_ORDER
        # Synchronised: the first micro-batches of all replicas make one, and so on.
        rows = np.arange(BATCH).reshape(replicas, -1, size).swapaxes(0, 1)
        return size * replicas, tuple(rows.ravel().tolist())


_POLICIES = ("frozen", "sync", "local")
IN_FLOAT32 = [
    Combination("float32", *values)
    for values in itertools.product(_POLICIES, (0.0, 0.05), (0.0, 0.9), (False, True))
]
# The precision is that of a replica's gradients, and the loss scale stands above the clipping: what
# is done to the weights is the same code, on float32, in each precision. So clipping, average and
# accumulation, which meet each other in all ways above, are on and off with each precision here.
IN_HALF = [
    Combination(reckons_in, batch_norm, *((0.05, 0.0, False), (0.0, 0.9, True))[(i + k) % 2])
    for i, reckons_in in enumerate(("bfloat16", "float16"))
    for k, batch_norm in enumerate(_POLICIES)
]
# What is computed again is the forward pass of a replica's micro-batch, under all that is above.
RECOMPUTED = [
    Combination("float32", "frozen", 0.05, 0.9, accumulates=True, remat=True),
    Combination("float32", "sync", 0.05, 0.0, accumulates=True, remat=True),
    Combination("float32", "local", 0.0, 0.9, accumulates=False, remat=True),
]


def network(include_top: bool, weights: str | None, input_shape: tuple[int, ...]) -> keras.Model:
    """Returns the smallest backbone with a batch norm: what takes long here is tracing."""
    inputs = keras.Input(input_shape)
    features = keras.layers.Conv2D(4, 1, strides=4, use_bias=False, name="first")(inputs)
    return keras.Model(inputs, keras.layers.BatchNormalization(momentum=0.5, name="norm")(features))


BACKBONE = backbones.Backbone(network, lambda pixels: pixels / 127.5 - 1)


GLARING, BLACK = 2.0, 3.0  # too bright for float16, and no number: said by an example's noise


def batch(order: tuple[int, ...] = IN_ORDER, **marked: int) -> Numbers:
    """Returns a global batch in some order.

    Args:
      order: of its examples.
      **marked: `glaring` or `black`: the index of an example that is to be so.
    """
    random = np.random.default_rng(0)
    columns = {
        "image": random.integers(0, 256, (BATCH, 16, 16, 3), dtype=np.uint8),
        "label": np.array([0, 1, 1, 0, 1, 1, 1, 0]),
        "position": np.arange(16, 16 + BATCH),
        "noise": random.random((BATCH, 1)).astype(np.float32),
    }
    for mark, index in marked.items():
        columns["noise"][index] = {"glaring": GLARING, "black": BLACK}[mark]
    return {name: values[list(order)] for name, values in columns.items()}


def _mark(images: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Makes of marked images what their noise says."""
    marks = noise[:, :1, None, None]
    images = tf.where(marks == GLARING, 1e6, tf.cast(images, tf.float32))
    return tf.where(marks == BLACK, float("nan"), images)


class Trainer:
    """Trains a model of one strategy, precision and batch norm, again and again from its beginning.

    What can be told between two trainings changes one half of a step or the other, and each half is
    traced once for each of its values.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        reckons_in: str,
        batch_norm: str,
        fault: Callable[[int], tf.Tensor] | None = None,
        *,
        remat: bool = False,
    ):
        self._strategy = strategy
        self._workers = agreement.Workers(strategy)
        self._phase = phases.Phase("train", 1, 0.1, "0")
        keras.utils.set_random_seed(0)
        with strategy.scope():
            with precision.of_new_layers(reckons_in):
                self.classifier = models.build(models.ModelSpec("smallest", 16, 1, dropout=0.5))
            phases.prepare(self._phase, self.classifier, pretrained=True, batch_norm=batch_norm)
            if remat:
                backbone = self.classifier.backbone
                self.classifier.recompute([backbone.input, backbone.output])
            self._scale = loss_scale.LossScale() if reckons_in == "float16" else None
            self.step = steps.TrainStep(
                strategy,
                self.classifier,
                lambda gradients: None,
                augment=_mark,
                loss=losses.Loss(positive=1),
                global_batch_size=BATCH,
                loss_scale=self._scale,
                fault=fault,
                in_any_worker=lambda flag: self._workers.any(flag)[0],
            )
        self._first = [np.array(v.numpy()) for v in self.classifier.variables]
        self._traced_grads: dict[int, Any] = {}
        self._updates = functools.cache(self._make_update)

    def _make_update(self, clip_norm: float, ema_momentum: float) -> tuple[Any, ...]:
        """Returns what is done with a gradient, averages, the optimizer, and a place to trace."""
        config = configs.TrainConfig(
            optimizer="sgd", clip_norm=clip_norm, ema_momentum=ema_momentum, warmup_epochs=0
        )
        with self._strategy.scope():
            optimizer = phases.optimizer(config, self._phase, 100)
            optimizer.build(self.classifier.trainable_variables)
            average = phases.average(config, self.classifier)
            update = phases.update(config, self._phase, self.classifier, optimizer, average)
        averages = average.averages if average else []
        return update, averages, optimizer, tf.function(self.step._apply, autograph=False)

    def begin(self, clip_norm: float, ema_momentum: float, micro_batch: int) -> list[tf.Variable]:
        """Makes everything as it was at first; returns the averages of the weights."""
        update, averages, optimizer, traced_apply = self._updates(clip_norm, ema_momentum)
        for variable, value in zip(self.classifier.variables, self._first, strict=True):
            variable.assign(value)
        for variable in optimizer.variables:
            variable.assign(np.zeros(variable.shape))
        learnt = [*self.classifier.trainable_variables, *self.classifier.learnt_statistics]
        for variable, of_weight in zip(averages, learnt, strict=bool(averages)):
            variable.assign(of_weight.numpy())
        if self._scale is not None:
            self._scale.value.assign(loss_scale.FIRST)
        self.step.micro_batch = micro_batch
        self._traced_grads.setdefault(micro_batch, self.step._traced_grads)
        self.step._traced_grads = self._traced_grads[micro_batch]
        self.step._update_weights, self.step._traced_apply = update, traced_apply
        return averages

    def take(self, columns: dict[str, np.ndarray], num_steps: int) -> list[dict[str, float]]:
        """Takes some steps on a global batch, of which each worker has its part."""
        team = self._workers
        rows = BATCH // team.count
        own = {name: values[team.index * rows :][:rows] for name, values in columns.items()}
        batches = tf.data.Dataset.from_tensor_slices(own).batch(rows, drop_remainder=True)
        (distributed,) = strategies.distribute(self._strategy, batches, team.count)
        found = [self.step(distributed, tf.constant([0, k], tf.int64)) for k in range(num_steps)]
        return [{name: float(value) for name, value in values.items()} for values in found]

    def weights(self) -> Numbers:
        """Returns the weights by their paths."""
        return {v.path: np.array(v.numpy()) for v in self.classifier.variables}


@functools.cache
def trainer(name: str, reckons_in: str, batch_norm: str, remat: bool = False) -> Trainer:
    """Returns the one for a strategy."""
    strategy = strategies.make(name, logical_cpus=2)
    return Trainer(strategy, reckons_in, batch_norm, remat=remat)


def numbers(
    name: str, told: Combination, micro_batch: int, order: tuple[int, ...] = IN_ORDER
) -> Numbers:
    """Returns the losses of some steps, and the weights and averages after them."""
    of_strategy = trainer(name, told.reckons_in, told.batch_norm, told.remat)
    averages = of_strategy.begin(told.clip_norm, told.ema_momentum, micro_batch)
    found = of_strategy.take(batch(order), NUM_STEPS)
    assert [values["skipped"] for values in found] == [0] * NUM_STEPS
    return {
        "losses": np.array([values["loss"] for values in found]),
        **of_strategy.weights(),
        **{f"average {i}": np.array(v.numpy()) for i, v in enumerate(averages)},
    }


def overflow(name: str, glaring: int, num_steps: int = 12) -> Numbers:
    """Returns what steps in float16 say while an example is too bright for their loss scale."""
    of_strategy = trainer(name, "float16", "frozen")
    replicas = strategies.make(name, logical_cpus=2).num_replicas_in_sync
    of_strategy.begin(0.05, 0.0, BATCH // replicas)
    kernels = (of_strategy.classifier.backbone.get_layer("first"), of_strategy.classifier.head)
    for layer in kernels:
        layer.kernel.assign(np.full(layer.kernel.shape, 0.1))
    found = of_strategy.take(batch(glaring=glaring), num_steps)
    columns = {key: np.array([row[key] for row in found]) for key in found[0]}
    return {**columns, **of_strategy.weights()}


def out_of_memory(name: str) -> Numbers:
    """Returns the numbers of steps for which the second replica has no memory at first."""
    fault = faults.Faults(faults.parse("oom@step=0,replica=1,above=2")).in_micro_batch()
    of_strategy = Trainer(strategies.make(name, logical_cpus=2), "float32", "frozen", fault)
    of_strategy.begin(0.0, 0.0, BATCH // 2)
    step, sizes = of_strategy.step, []
    of_strategy.step = transaction.Transaction(
        step, per_replica_batch_size=BATCH // 2, on_smaller=sizes.append, remedy=str
    )
    found = of_strategy.take(batch(), NUM_STEPS)
    losses_of_steps = np.array([values["loss"] for values in found])
    return {"losses": losses_of_steps, **of_strategy.weights(), "sizes": np.array(sizes)}


def black(name: str) -> Numbers:
    """Returns the weights after a step that the last replica's images spoil, and the first ones."""
    of_strategy = trainer(name, "float32", "sync")
    of_strategy.begin(0.0, 0.0, BATCH // 2)
    before = of_strategy.weights()
    (found,) = of_strategy.take(batch(black=BATCH - 1), 1)
    after = of_strategy.weights()
    unchanged = [np.array_equal(before[path], after[path]) for path in before]
    return {"skipped": np.array(found["skipped"]), "unchanged": np.array(unchanged)}


def cached_features(name: str, directory: pathlib.Path) -> Numbers:
    """Returns this worker's part of an epoch of cached features, and predictions by the head.

    Args:
      name: of the strategy.
      directory: that holds the dataset, and will hold the features.
    """
    strategy = strategies.make(name, logical_cpus=2)
    team = agreement.Workers(strategy)
    config = configs.TrainConfig(model="smallest", weights="none", global_batch_size=BATCH)
    of_strategy = trainer(name, "float32", "frozen")
    of_strategy.begin(0.0, 0.0, ACCUMULATED)
    own = directory / f"{name}-{team.index}"
    own.mkdir()
    run = types.SimpleNamespace(
        task=task.Task(config, dataset.find(directory, "tiny")),
        strategy=strategy,
        workers=team,
        classifier=of_strategy.classifier,
        directory=own / "checkpoints",
        stop=interruption.Interruption(),
        announcer=progress.Announcer(1),
        counters=checkpoints.Counters(),
    )
    of_run = cache.FeatureCache(run, own / "features")
    batches = list(of_run.train_batches(epoch=1).as_numpy_iterator())
    found = {key: np.stack([batch[key] for batch in batches]) for key in batches[0]}
    return {**found, "logits": of_run.predict("test").logits}


IN_WORKERS = [
    *IN_FLOAT32,
    *(told for told in (*IN_HALF, *RECOMPUTED) if told.batch_norm == "sync"),
]


def _main(path: str) -> None:
    own = cluster.from_environment()
    meeting.Meeting(own).wait_for_all()
    name = strategies.MULTI_WORKER
    cases = {str(told): numbers(name, told, told.micro_batch(own.count)) for told in IN_WORKERS}
    cases |= {f"overflow {glaring}": overflow(name, glaring) for glaring in (0, BATCH - 1)}
    cases |= {"black": black(name), "out of memory": out_of_memory(name)}
    cases["features"] = cached_features(name, pathlib.Path(path).parent)
    flat = {f"{case}|{key}": of_case[key] for case, of_case in cases.items() for key in of_case}
    np.savez(path.format(own.index), **flat)


def read(path: pathlib.Path) -> dict[str, Numbers]:
    """Returns the numbers that a worker has written, by case."""
    cases: dict[str, Numbers] = {}
    with np.load(path) as found:
        for name, values in found.items():
            case, _, key = name.partition("|")
            cases.setdefault(case, {})[key] = values
    return cases


if __name__ == "__main__":
    backbones.BACKBONES["smallest"] = BACKBONE
    _main(sys.argv[1])
