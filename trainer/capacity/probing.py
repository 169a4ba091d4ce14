"""How long an example takes on this machine: a few steps on one device, without input."""

import time
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from trainer import config as configs
from trainer.augment import policies
from trainer.capacity import estimates
from trainer.networks import models
from trainer.running import losses, phases, steps, updates

NUM_STEPS = 3
# Of activations: a laptop, too, has these, where it plans for devices with more memory.
MOST_BYTES = 1 << 30


def num_examples(estimated: estimates.Estimate, micro_batch: int) -> int:
    """Returns how many examples to probe with: the micro-batch, or as many as any machine takes."""
    return max(1, min(micro_batch, MOST_BYTES // max(1, estimated.activations_per_example)))


def seconds_of_training(
    config: configs.TrainConfig,
    phase: phases.Phase,
    classifier: models.Classifier,
    num_examples: int,
    *,
    on_features: bool,
) -> float:
    """Returns the seconds that an example takes in a training step.

    Args:
      config: of the run.
      phase: whose layers are trainable.
      classifier: the model; its weights change.
      num_examples: of the steps.
      on_features: whether the head trains on features that are there already.
    """
    policy = policies.POLICIES[config.augment]
    batch = {
        "label": tf.zeros([num_examples], tf.int64),
        "position": tf.range(num_examples, dtype=tf.int64),
    }
    if on_features:
        batch[steps.FEATURES] = tf.zeros([num_examples, classifier.num_features], tf.float16)
    else:
        batch["image"] = _images(classifier, num_examples)
        batch["noise"] = tf.zeros([num_examples, policy.num_numbers])
    optimizer = phases.optimizer(config, phase, steps_per_epoch=100)
    optimizer.build(classifier.trainable_variables)
    step = steps.TrainStep(
        tf.distribute.get_strategy(),
        classifier,
        updates.Update(optimizer, classifier.trainable_variables),
        augment=policy,
        loss=losses.Loss(positive=1),
        global_batch_size=num_examples,
    )
    return _least(lambda number: step(batch, tf.constant([0, number], tf.int64))) / num_examples


def seconds_of_features(classifier: models.Classifier, num_examples: int) -> float:
    """Returns the seconds that the features of an example take."""
    images = _images(classifier, num_examples)
    features = tf.function(lambda: classifier.features(images))
    return _least(lambda number: features()) / num_examples


def _images(classifier: models.Classifier, num_examples: int) -> tf.Tensor:
    size = classifier.spec.image_size
    return tf.zeros([num_examples, size, size, 3], tf.uint8)


def _least(call: Callable[[int], Any]) -> float:
    """Returns the seconds of the quickest of some calls, of which the first one is traced."""
    taken = []
    for number in range(NUM_STEPS + 1):
        start = time.perf_counter()
        for value in tf.nest.flatten(call(number)):
            value.numpy()  # which waits for it
        taken.append(time.perf_counter() - start)
    return min(taken[1:])
