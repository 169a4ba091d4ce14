"""Computes the features of a split and writes them to its table."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainer import strategies
from trainer.augment import policies
from trainer.capacity import out_of_memory, planning
from trainer.features import tables
from trainer.networks import models
from trainer.running import steps
from trainer.running.run import Run

# Of a replica at a time, whatever the batch of the training, so that the same features come out.
EXAMPLES_AT_A_TIME = 32
# Of weights that become constants of the graph: each replica has another copy, and a graph holds
# 2 GB at most.
MOST_CONSTANT_BYTES = 256 << 20  # 256 MiB
BLOCK_BYTES = 16 << 20  # written at once
BLOCK_SECONDS = 10.0  # after which fewer are


class Computing:
    """Computes the features of images that a policy changes.

    Args:
      run: whose classifier has a frozen backbone.
      policy: what is done to them before.
    """

    def __init__(self, run: Run, policy: policies.Policy):
        self._run = run
        self._policy = policy
        self._step = _make_step(run.strategy, run.classifier, policy)
        self._examples_at_a_time = run.workers.smallest(
            planning.examples_at_a_time(
                run.task.config,
                run.classifier,
                run.strategy.num_replicas_in_sync,
                EXAMPLES_AT_A_TIME,
            )
        )

    def complete(self, table: tables.Table, split: str, view: int) -> None:
        """Computes what is missing of a table, with less at a time where memory runs out.

        Args:
          table: of the split.
          split: the name of the images' split.
          view: which of the augmented forms of the images is made, from 0.

        Raises:
          Interrupted: a signal came; what is computed was saved.
        """
        run = self._run
        while table.num_done < table.num_rows:
            batches = run.task.feature_batches(
                split,
                policy=self._policy,
                view=view,
                start=table.num_done,
                batch_size=self._examples_at_a_time * run.strategy.num_replicas_in_sync,
                part=(run.workers.index, run.workers.count),
            )
            # Where a process is stopped in here, what it has not written is computed again.
            with run.stop.at_rest(lambda: None):
                memory_suffices = self._compute(table, split, batches)
            if not memory_suffices:
                self._examples_at_a_time //= 2

    def _compute(self, table: tables.Table, split: str, batches: tf.data.Dataset) -> bool:
        """Computes what is missing of a table, as far as memory suffices; returns whether it does.

        Of several workers each has a part of a batch, and all write what all have computed.
        """
        run, memory_suffices = self._run, True
        pending: list[np.ndarray] = []
        since = time.monotonic()
        for batch in strategies.distribute(run.strategy, batches, run.workers.count):
            columns = self._columns(batch)
            if any(run.workers.any(columns is None)):
                memory_suffices = False
                break
            pending.append(_rows(run.workers.concatenate(columns or {}), table.num_features))
            is_due = time.monotonic() - since > BLOCK_SECONDS or run.stop.requested
            if is_due or sum(rows.nbytes for rows in pending) > BLOCK_BYTES:
                table.append(np.concatenate(pending))
                pending, since = [], time.monotonic()
            run.stop.check(run.workers.any)
            if run.announcer.is_due():
                done = table.num_done + sum(map(len, pending))
                run.announcer.tell(
                    f"  features of {split}: {done:,} of {table.num_rows:,} images",
                    int(run.counters.global_step),
                )
        if pending:
            table.append(np.concatenate(pending))
        return memory_suffices

    def _columns(self, batch: steps.Batch) -> dict[str, np.ndarray] | None:
        """Returns what a batch gives in this worker; None where memory does not suffice for it."""
        local = self._run.strategy.experimental_local_results
        try:
            found = {**batch, "features": self._step(batch)}
            return {
                name: np.concatenate([value.numpy() for value in local(found[name])])
                for name in ("index", "label", "features", "weight")
            }
        except tf.errors.OpError as error:
            if not out_of_memory.is_out_of_memory(error) or self._examples_at_a_time == 1:
                raise
            return None


def _rows(columns: Mapping[str, np.ndarray], num_features: int) -> np.ndarray:
    """Returns the rows of a batch, those that fill it left out."""
    counted = columns["weight"] > 0
    rows = np.empty(int(counted.sum()), tables.row_type(num_features))
    for name in ("index", "label", "features"):
        rows[name] = columns[name][counted]
    return rows


def _make_step(
    strategy: tf.distribute.Strategy, classifier: models.Classifier, policy: policies.Policy
) -> Callable[[steps.Batch], Any]:
    """Returns a function from a distributed batch to each replica's features, float16."""
    constants = _constants(classifier.backbone)

    def features(local: steps.Batch) -> tf.Tensor:
        images = policy(local["image"], local["noise"])
        with keras.StatelessScope(state_mapping=constants):
            found = classifier.features(images)
        return tf.saturate_cast(found, tf.float16)

    @tf.function(autograph=False)
    def step(batch: steps.Batch) -> Any:
        return strategy.run(features, args=(batch,))

    return step


def _constants(backbone: keras.Model) -> list[tuple[keras.Variable, np.ndarray]]:
    """Returns the weights of a backbone by variable, with which TensorFlow reckons beforehand.

    It folds batch norm into the convolutions before it: features of MobileNetV2 take two thirds of
    the time. None of a large backbone.
    """
    weights = [(variable, variable.numpy()) for variable in backbone.weights]
    is_large = sum(value.nbytes for _, value in weights) > MOST_CONSTANT_BYTES
    return [] if is_large else weights
