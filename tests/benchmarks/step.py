"""Steps a second beside Keras' model.fit, on one device and on two made of the CPU.

python -m tests.benchmarks.step [--rounds=3] [--steps=200] [--mobilenet_steps=4]

The tiny model is a dense layer of 32 units and one of a logit on 16 features, in batches of 64; the
other one MobileNetV2 at 96 px, trained whole, in batches of 16. Both sides have the same batches
from memory, Adam and clipping, and take turns; the median of the rounds counts.
"""

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import time
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
import tensorflow as tf

from trainer import strategies
from trainer.augment import policies
from trainer.networks import backbones, models
from trainer.running import losses, several_steps, steps, updates

RESULTS = pathlib.Path(__file__).parent / "step.json"
PER_CALL = 10


def _dataset(columns: dict[str, np.ndarray], batch_size: int) -> tf.data.Dataset:
    batches = tf.data.Dataset.from_tensor_slices(columns).batch(batch_size, drop_remainder=True)
    return batches.repeat().prefetch(2)


def _columns(first: dict[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {
        **first,
        "label": random.integers(0, 2, count),
        "position": np.arange(count),
        "weight": np.ones(count, np.float32),
        "noise": random.random((count, 1), np.float32),
    }


class Ours:
    """Steps of the trainer's loop: several in a call where they are quick."""

    def __init__(self, strategy, classifier, columns, batch_size: int, per_call: int):
        with strategy.scope():
            optimizer = keras.optimizers.Adam(1e-5, global_clipnorm=1.0)
            optimizer.build(classifier.trainable_variables)
        self._step = steps.TrainStep(
            strategy,
            classifier,
            updates.Update(optimizer, classifier.trainable_variables),
            augment=policies.POLICIES["none"],
            loss=losses.Loss(positive=1),
            global_batch_size=batch_size,
        )
        batches = _dataset(columns, batch_size)
        self._per_call = per_call
        if per_call > 1:
            self._several = several_steps.SeveralSteps(strategy, self._step, per_call)
            self._iterator = iter(several_steps.chunks(strategy, batches, per_call))
        else:
            self._iterator = iter(strategy.experimental_distribute_dataset(batches))

    def run(self, count: int) -> None:
        for index in range(0, count, self._per_call):
            batch = next(self._iterator)
            seeds = [[0, index + i] for i in range(self._per_call)]
            if self._per_call > 1:
                self._several(batch, seeds)
            else:
                metrics = self._step(batch, tf.constant(seeds[0], tf.int64))
        if self._per_call == 1:
            float(metrics["loss"])


class Fit:
    """Steps of model.fit."""

    def __init__(self, strategy, make, batches):
        with strategy.scope():
            self._model = make()
            self._model.compile(
                keras.optimizers.Adam(1e-5, global_clipnorm=1.0),
                keras.losses.BinaryCrossentropy(from_logits=True),
                metrics=["accuracy"],
            )
        self._batches = batches

    def run(self, count: int) -> None:
        self._model.fit(self._batches, steps_per_epoch=count, epochs=1, verbose=0)


def _tiny(strategy, batch_size: int = 64):
    random = np.random.default_rng(0)
    columns = _columns({"features": random.random((6400, 16)).astype(np.float16)}, 6400)

    def network(include_top, weights, input_shape):
        inputs = keras.Input(input_shape)
        return keras.Model(inputs, keras.layers.Conv2D(16, 1, strides=4)(inputs))

    backbones.BACKBONES["tiny"] = backbones.Backbone(network, lambda pixels: pixels)
    with strategy.scope():
        classifier = models.build(models.ModelSpec("tiny", 16, 1, head_units=(32,)), "none")
        classifier.freeze_backbone()
    ours = Ours(strategy, classifier, columns, batch_size, PER_CALL)
    rows = _dataset(columns, batch_size)
    rows = rows.map(lambda row: (tf.cast(row["features"], tf.float32), row["label"]))

    def make():
        layers = [keras.layers.Dense(32, activation="relu"), keras.layers.Dense(1)]
        return keras.Sequential([keras.Input((16,)), *layers])

    return {"fit": Fit(strategy, make, rows), "ours": ours}


def _mobilenet(strategy, batch_size: int = 16):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (128, 96, 96, 3), dtype=np.uint8)
    columns = _columns({"image": images}, 128)
    with strategy.scope():
        classifier = models.build(models.ModelSpec("mobilenet_v2", 96, 1), None)
        classifier.unfreeze_from("0", train_batch_norm=False)
    ours = Ours(strategy, classifier, columns, batch_size, 1)
    rows = _dataset(columns, batch_size).map(lambda row: (row["image"], row["label"]))

    def make():
        inputs = keras.Input((96, 96, 3))
        backbone = keras.applications.MobileNetV2(
            input_shape=(96, 96, 3), include_top=False, weights=None
        )
        maps = backbone(keras.layers.Rescaling(1 / 127.5, -1)(inputs), training=False)
        pooled = keras.layers.GlobalAveragePooling2D()(maps)
        return keras.Model(inputs, keras.layers.Dense(1)(pooled))

    return {"fit": Fit(strategy, make, rows), "ours": ours}


def measure(sides: dict, count: int, rounds: int) -> dict[str, dict[str, float]]:
    """Returns for each side the median steps a second, of wall and of processor time."""
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, side in sides.items():
            start, used = time.perf_counter(), time.process_time()
            side.run(count if number else PER_CALL)
            if number:  # the first round traces
                seconds = time.perf_counter() - start
                rates[name].append((count / seconds, count / (time.process_time() - used)))
    return {
        name: {
            "steps_per_second": statistics.median(wall for wall, _ in found),
            "steps_per_processor_second": statistics.median(cpu for _, cpu in found),
        }
        for name, found in rates.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--mobilenet_steps", type=int, default=4)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    cases = [("tiny", _tiny, options.steps), ("mobilenet_v2, 96 px", _mobilenet, None)]
    for strategy_name in ("mirrored", "one_device"):  # the first one makes the devices
        strategy = strategies.make(strategy_name, logical_cpus=2)
        for case, make, count in cases:
            with contextlib.redirect_stderr(None):
                found = measure(make(strategy), count or options.mobilenet_steps, options.rounds)
            ratio, of_processor = (found["ours"][key] / found["fit"][key] for key in found["ours"])
            rows.append({"model": case, "strategy": strategy_name, **found})
            print(
                f"{case:20} {strategy_name:10} "
                f"fit {found['fit']['steps_per_second']:8.1f} steps/s, "
                f"ours {found['ours']['steps_per_second']:8.1f}: {ratio:5.2f} times; "
                f"by processor time {of_processor:5.2f} times",
                flush=True,
            )
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
