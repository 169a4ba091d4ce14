"""What features follow from: where any of it changes, they have another name on disk."""

import hashlib
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfrecords import version
from trainer.networks import models
from trainer.task import Task


def of_backbone(classifier: models.Classifier) -> dict[str, Any]:
    """Returns what the features of an image follow from: weights, preprocessing and software."""
    spec = classifier.spec
    digest = hashlib.sha256()
    for variable in classifier.backbone.weights:
        value = variable.numpy()
        digest.update(f"{value.dtype}{value.shape}".encode())
        digest.update(value.tobytes())
    return {
        "model": spec.name,
        "alpha": spec.alpha,
        "image_size": spec.image_size,
        "pooling": spec.head,
        "precision": str(classifier.backbone.compute_dtype),
        "weights": digest.hexdigest(),
        "preprocessing": _digest_of_preprocessing(classifier),
        "software": [version.VERSION, tf.__version__, keras.__version__],
    }


def of_examples(task: Task, split: str, view: int) -> dict[str, Any]:
    """Returns what the rows of a split follow from besides: its examples, labels and views."""
    config = task.config
    is_changed = split == "train" and config.augment != "none"
    return {
        "plan_digest": task.source.manifest.plan_digest,
        "shards": [shard.sha256 for shard in task.source.split(split).shards],
        "split": split,
        "held_out": task.source.held_out,
        "target": config.target,
        "labels_by_lot": config.seed if config.shuffle_labels else None,
        "augment": [config.augment, config.seed, view] if is_changed else None,
    }


def _digest_of_preprocessing(classifier: models.Classifier) -> str:
    """Returns a hash of what the backbone is given for an image with all values in it."""
    size = classifier.spec.image_size
    ramp = np.resize(np.arange(256, dtype=np.uint8), (1, size, size, 3))
    inputs = tf.nest.flatten(classifier.backbone_inputs(tf.constant(ramp)))
    return hashlib.sha256(b"".join(value.numpy().tobytes() for value in inputs)).hexdigest()
