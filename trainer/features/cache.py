"""The features of a frozen backbone, computed once, so that its head trains on them alone.

It applies to a phase that trains the head only, where nothing random stands before the features: no
augmentation, or as many augmented forms of each image as `--cached_views` says, of which each epoch
sees the next one. Order, dropout and micro-batches are those of a training from images; the
features are rounded to float16.

They lie in the run's directory while the phase lasts, and are removed at its end. Of several
workers each computes those of its share of the images, and has all of them in a directory of its
own.
"""

import contextlib
import dataclasses
import functools
import pathlib
import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tfrecords import exits, reader
from trainer import config as configs
from trainer import input_pipeline, quiet, run_directory
from trainer.augment import policies
from trainer.features import computing, keys, sharing, tables
from trainer.networks import models
from trainer.running import phases, steps
from trainer.running.run import Run
from trainer.scoring import evaluation


def applies(config: configs.TrainConfig, phase: phases.Phase) -> bool:
    """Tells whether a phase trains on features that can be computed once."""
    is_fixed = config.augment == "none" or config.cached_views > 0
    is_fixed = is_fixed and not config.mixup_alpha  # which finds other partners in each epoch
    return config.feature_cache and phase.first_layer is None and is_fixed


@contextlib.contextmanager
def offered(run: Run, phase: phases.Phase) -> Iterator[Run]:
    """Yields the run as the phase sees it: where the cache applies, one that reads from it.

    What is cached stays when the phase is interrupted, and is removed when it is over.
    """
    directory = run.directory.parent / run_directory.FEATURES
    if not applies(run.task.config, phase):
        shutil.rmtree(directory, ignore_errors=True)
        yield run
        return
    cache = FeatureCache(run, directory)
    yield dataclasses.replace(
        run, train_batches=cache.train_batches, predict=cache.predict, trains_on_features=True
    )
    shutil.rmtree(directory, ignore_errors=True)


class FeatureCache:
    """Batches of features for the training of a head, and predictions by it.

    Args:
      run: whose classifier has a frozen backbone.
      directory: of the tables.
    """

    def __init__(self, run: Run, directory: pathlib.Path):
        quiet.half_precision()  # of the tables
        self._run = run
        self._directory = directory
        self._num_views = run.task.config.cached_views or 1
        self._tables: dict[tuple[str, int], np.ndarray] = {}
        # Made for each policy once: what it traces is traced once.
        self._computing = functools.cache(self._make_computing)
        self._classify_step = _make_classify_step(run.strategy, run.classifier)

    def train_batches(self, *, epoch: int, start_step: int = 0) -> tf.data.Dataset:
        """Returns what `Task.train_batches` does, with `features` in place of `image` and `noise`.

        They are float16 [batch, num_features]; those that are missing are computed first.
        """
        task = self._run.task
        if not self._tables:
            self._check_disk()
            self._rows("validation", 0)  # before any step is timed
        rows = self._rows("train", epoch % self._num_views)
        batch_size = task.config.global_batch_size
        start = start_step * batch_size
        row_of, order = self._order
        indices = order(epoch, start)
        positions = np.arange(start, start + len(indices))
        num_whole = len(indices) // batch_size * batch_size
        chosen = row_of[indices[:num_whole]]
        return _batches(positions[:num_whole], chosen, rows, batch_size, self._part)

    @property
    def _part(self) -> tuple[int, int]:
        return self._run.workers.index, self._run.workers.count

    @functools.cached_property
    def _order(self) -> tuple[np.ndarray, reader.TrainOrder]:
        """The rows by the indices of their examples, in the tables of all views; and the order."""
        rows = self._rows("train", 0)
        return self._run.task.order_of_rows(rows["index"], rows["label"])

    def predict(self, split: str) -> evaluation.Predictions:
        """Returns the predictions for a split, by the head from the features."""
        run, rows = self._run, self._rows(split, 0)
        batch_size = run.task.config.global_batch_size
        places = np.arange(-(-len(rows) // batch_size) * batch_size)
        return evaluation.predict(
            run.strategy,
            self._classify_step,
            _batches(places, places, rows, batch_size, self._part),
            num_examples=len(rows),
            positive=run.task.positive,
            check=lambda num_done: run.stop.check(run.workers.any),
            num_workers=run.workers.count,
            gather=run.workers.concatenate,
        )

    def _check_disk(self) -> None:
        tables = [self._table("validation", 0)]
        tables += [self._table("train", view) for view in range(self._num_views)]
        needed = sum(table.num_bytes_left for table in tables)
        free = shutil.disk_usage(self._directory.parent).free
        is_full = needed > free
        if any(self._run.workers.any(is_full)):
            own = f"the disk of {self._directory} has {free / 1e9:,.1f} GB left"
            raise exits.MachineError(
                f"The features of the frozen backbone take {needed / 1e9:,.1f} GB, and "
                f"{own if is_full else 'that of another worker has less'}. Make room, use fewer "
                f"--cached_views (received: {self._run.task.config.cached_views}), or compute them "
                "again in each epoch with --nofeature_cache."
            )
        print(
            f"  The features of the frozen backbone are computed once, {self._num_features:,} for "
            f"an image: {sum(table.num_bytes for table in tables) / 1e6:,.1f} MB in "
            f"{self._directory}, until the phase is over.",
            flush=True,
        )

    @property
    def _num_features(self) -> int:
        return self._run.classifier.num_features

    def _table(self, split: str, view: int) -> tables.Table:
        return tables.Table(
            self._directory,
            {**self._key, **keys.of_examples(self._run.task, split, view)},
            self._run.task.source.split(split).num_examples,
            self._num_features,
        )

    @functools.cached_property
    def _key(self) -> dict[str, Any]:
        return keys.of_backbone(self._run.classifier)

    def _rows(self, split: str, view: int) -> np.ndarray:
        """Returns the rows of a table, computed where they are missing."""
        if (split, view) not in self._tables:
            table = self._table(split, view)
            sharing.share(self._run.workers, table)
            rows = table.read()
            if rows is None:
                self._complete(table, split, view)
                rows = table.read()
            if rows is None:
                raise exits.MachineError(
                    f"What was written to {self._directory} could not be read again. Check the "
                    "disk, or compute the features in each epoch with --nofeature_cache."
                )
            self._tables[split, view] = rows
        return self._tables[split, view]

    def _make_computing(self, policy: str) -> computing.Computing:
        return computing.Computing(self._run, policies.POLICIES[policy])

    def _complete(self, table: tables.Table, split: str, view: int) -> None:
        """Computes what is missing of a table, and says how long it took."""
        start, done = time.perf_counter(), table.num_done
        policy = self._run.task.config.augment if split == "train" else "none"
        self._computing(policy).complete(table, split, view)
        seconds = time.perf_counter() - start
        self._run.counters.seconds.assign_add(seconds)
        is_one_of_several = split == "train" and self._num_views > 1
        name = f"{split}, view {view + 1} of {self._num_views}" if is_one_of_several else split
        print(
            f"  features of {name}: {table.num_rows - done:,} images in {seconds:.1f} s",
            flush=True,
        )


def _batches(
    positions: np.ndarray,
    chosen: np.ndarray,
    rows: np.ndarray,
    batch_size: int,
    part: tuple[int, int],
) -> tf.data.Dataset:
    """Returns batches of rows, or one of several workers' part of each.

    Args:
      positions: of the examples, int64, of whole batches.
      chosen: the place of each among the rows; one past the end has weight 0.
      rows: of `tables.row_type`.
      batch_size: of each batch.
      part: the index of the worker, and their number.
    """
    index, count = part
    num_own = batch_size // count
    own = slice(index * num_own, (index + 1) * num_own)
    num_features = rows["features"].shape[1]

    def read(chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        taken = rows[np.minimum(chosen, len(rows) - 1)]
        weights = (chosen < len(rows)).astype(np.float32)
        return np.ascontiguousarray(taken["features"]), taken["label"].copy(), weights

    def take(position: tf.Tensor, chosen: tf.Tensor) -> dict[str, tf.Tensor]:
        features, label, weight = tf.numpy_function(
            read, [chosen], (tf.float16, tf.int64, tf.float32), stateful=False
        )
        return {
            "features": tf.ensure_shape(features, [num_own, num_features]),
            "label": tf.ensure_shape(label, [num_own]),
            "weight": tf.ensure_shape(weight, [num_own]),
            "position": position,
        }

    places = tuple(each.reshape(-1, batch_size)[:, own] for each in (positions, chosen))
    batches = tf.data.Dataset.from_tensor_slices(places).map(take)
    return batches.prefetch(input_pipeline.PREFETCH_BATCHES)


def _make_classify_step(
    strategy: tf.distribute.Strategy, classifier: models.Classifier
) -> Callable[[steps.Batch], Any]:
    """Returns a function from a distributed batch of features to each replica's logits, float32."""

    def classify(local: steps.Batch) -> tf.Tensor:
        return classifier.classify(tf.cast(local[steps.FEATURES], tf.float32))

    @tf.function(autograph=False)
    def step(batch: steps.Batch) -> Any:
        return strategy.run(classify, args=(batch,))

    return step
