"""The training images, decoded and kept in memory: for a host that decodes too slowly.

Order, labels and augmentation are those of `input_pipeline.for_train`, so that a run may take its
images from here in one epoch and from the records in another, with the same numbers.
"""

import functools

import numpy as np
import tensorflow as tf

from trainer import input_pipeline
from trainer.augment import mixup, policies
from trainer.capacity import resources
from trainer.task import Task

SHARE = 0.25  # of the memory that is free, at most
READ_THREADS = 2
_BATCH = 64  # decoded together


def num_bytes(task: Task) -> int:
    """Returns the size of a task's decoded training images."""
    return task.source.split("train").num_examples * task.image_size**2 * 3


def fits(task: Task) -> bool:
    """Tells whether they take no more than a share of the memory that is free."""
    free = resources.free_memory()
    return free is not None and num_bytes(task) <= SHARE * free


class DecodedImages:
    """The decoded images of a training split; made by one pass over its records.

    Args:
      task: whose images they are.
      part: of each batch, as of `Task.train_batches`; any image may come to be in it.
    """

    def __init__(self, task: Task, part: tuple[int, int] = input_pipeline.WHOLE):
        self._task = task
        self._part = part
        policy = policies.POLICIES["none"]
        batches = task.feature_batches("train", policy=policy, view=0, start=0, batch_size=_BATCH)
        count = task.source.split("train").num_examples
        self._images = np.empty((count, task.image_size, task.image_size, 3), np.uint8)
        labels, indices = [], []
        done = 0
        for batch in batches.as_numpy_iterator():
            rows = batch["weight"] > 0
            self._images[done : done + rows.sum()] = batch["image"][rows]
            labels.append(batch["label"][rows])
            indices.append(batch["index"][rows])
            done += rows.sum()
        self._labels = np.concatenate(labels)
        self._row_of, self._order = task.order_of_rows(np.concatenate(indices), self._labels)

    def train_batches(self, *, epoch: int, start_step: int = 0) -> tf.data.Dataset:
        """Returns what `Task.train_batches` does."""
        config = self._task.config
        policy = policies.POLICIES[config.augment]
        start = start_step * config.global_batch_size
        indices = self._order(epoch, start)

        def place(position: tf.Tensor, index: tf.Tensor) -> dict[str, tf.Tensor]:
            noise = policy.noise(config.seed, epoch, position)
            return {"position": position, "index": index, "weight": 1.0, "noise": noise}

        positions = tf.data.Dataset.range(start, start + len(indices))
        order = tf.data.Dataset.zip(positions, tf.data.Dataset.from_tensor_slices(indices))
        batches = order.map(place).batch(config.global_batch_size, drop_remainder=True)
        own = functools.partial(input_pipeline.own_rows, part=self._part)
        if not config.mixup_alpha:  # whose partners may be in any part
            batches = batches.map(own)
        read = functools.partial(self._read, policy=policy)
        decoded = batches.map(read, num_parallel_calls=READ_THREADS, deterministic=True)
        if config.mixup_alpha:
            mix = functools.partial(
                mixup.mix, alpha=config.mixup_alpha, seed=config.seed, epoch=epoch
            )
            decoded = decoded.map(mix).map(own)
        return decoded.prefetch(input_pipeline.PREFETCH_BATCHES)

    def _read(self, batch: dict[str, tf.Tensor], policy: policies.Policy) -> dict[str, tf.Tensor]:
        index = batch.pop("index")
        images, labels = tf.numpy_function(
            self._rows, [index], (tf.uint8, tf.int64), stateful=False
        )
        images = tf.ensure_shape(images, [*index.shape, *self._images.shape[1:]])
        if policy.while_decoding:
            images = tf.map_fn(
                lambda pair: policy.decoded(*pair),
                (images, batch["noise"]),
                fn_output_signature=tf.TensorSpec(images.shape[1:], tf.uint8),
            )
        return {**batch, "image": images, "label": tf.ensure_shape(labels, index.shape)}

    def _rows(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        row = self._row_of[index]
        return self._images[row], self._labels[row]
