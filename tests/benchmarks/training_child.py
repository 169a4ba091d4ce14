"""A process that trains a few steps on noise, predicts, and prints its memory and speed as JSON.

python -m tests.benchmarks.training_child MODEL IMAGE_SIZE BATCH MICRO_BATCH PHASE PRECISION [remat]
"""

import json
import os
import resource
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
import tensorflow as tf

from trainer import config as configs
from trainer.augment import policies
from trainer.capacity import planning
from trainer.networks import models, precision
from trainer.running import losses, phases, steps, updates
from trainer.scoring import eval_step

# What the allocator holds grows from step to step, and hardly after these.
NUM_STEPS = 6


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def main(
    model: str,
    size: int,
    batch_size: int,
    micro_batch: int,
    phase: str,
    reckons_in: str,
    remat: bool,
) -> None:
    float(tf.reduce_sum(tf.random.uniform([256, 256]) @ tf.random.uniform([256, 256])))
    baseline = _peak_bytes()
    with precision.of_new_layers(reckons_in):
        classifier = models.build(models.ModelSpec(model, size, 1))
    trained = phases.Phase(phase, 1, 1e-5, first_layer=None if phase == "head" else "0")
    phases.prepare(trained, classifier, pretrained=phase != "train", remat=remat)
    optimizer = keras.optimizers.Adam(1e-5, global_clipnorm=1.0)
    optimizer.build(classifier.trainable_variables)
    step = steps.TrainStep(
        tf.distribute.get_strategy(),
        classifier,
        updates.Update(optimizer, classifier.trainable_variables),
        augment=policies.POLICIES["flip_crop"],
        loss=losses.Loss(positive=1),
        global_batch_size=batch_size,
        micro_batch=micro_batch,
    )
    random = np.random.default_rng(0)
    batch = {
        "image": tf.constant(random.integers(0, 256, (batch_size, size, size, 3), np.uint8)),
        "label": tf.constant(random.integers(0, 2, batch_size)),
        "position": tf.range(batch_size, dtype=tf.int64),
        "noise": tf.constant(
            random.random((batch_size, policies.POLICIES["flip_crop"].num_numbers)), tf.float32
        ),
    }
    seconds, processor = [], []
    for number in range(NUM_STEPS):
        start, started = time.perf_counter(), time.process_time()
        float(step(batch, tf.constant([0, number], tf.int64))["loss"])
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - started)
    estimated = planning.estimate(
        configs.TrainConfig(model=model, global_batch_size=batch_size), classifier, num_replicas=1
    )
    eval_step.EvalStep(tf.distribute.get_strategy(), classifier)(batch)
    found = {
        "peak_bytes": _peak_bytes() - baseline,
        "planned_bytes": estimated.total(micro_batch, in_pieces=micro_batch < batch_size),
        "activations_per_example": estimated.activations_per_example,
        "seconds_per_image": min(seconds[1:]) / batch_size,
        "cpu_seconds_per_image": min(processor[1:]) / batch_size,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    name, size, batch, micro_batch, chosen_phase, chosen_precision, *others = sys.argv[1:]
    numbers = int(size), int(batch), int(micro_batch)
    main(name, *numbers, chosen_phase, chosen_precision, remat=others == ["remat"])
