"""Predictions for a whole split, each example counted once whatever the replicas."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfrecords import exits
from trainer import strategies
from trainer.scoring import calibration as calibrations
from trainer.scoring import metrics


@dataclasses.dataclass(frozen=True)
class Predictions:
    """Logits float32 [examples, logits] and labels int64 [examples], in stored order."""

    logits: np.ndarray
    labels: np.ndarray
    positive: int

    def probabilities(
        self, calibration: calibrations.Calibration = calibrations.NONE
    ) -> np.ndarray:
        """Returns class probabilities, float64 [examples, classes]."""
        return calibrations.probabilities(self.logits, self.positive, calibration)

    def summary(self) -> dict[str, float | None]:
        """Returns what is watched from epoch to epoch: loss, accuracy, auc, predicted_classes."""
        chances = self.probabilities()
        predicted = chances.argmax(axis=1)
        return {
            "loss": calibrations.log_loss(self.labels, self.logits, self.positive),
            "accuracy": float((predicted == self.labels).mean()),
            "auc": metrics.roc_auc(self.labels, chances, self.positive),
            "predicted_classes": len(np.unique(predicted)),
        }


def predict(
    strategy: tf.distribute.Strategy,
    step: Callable[[Any], Any],
    batches: tf.data.Dataset,
    *,
    num_examples: int,
    positive: int,
    check: Callable[[int], None] = lambda num_done: None,
    num_workers: int = 1,
    gather: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]] = dict,
) -> Predictions:
    """Runs a model over the batches of `input_pipeline.for_eval`.

    Args:
      strategy: where it runs.
      step: from a distributed batch to each replica's logits, as `eval_step.EvalStep`.
      batches: the split's batches.
      num_examples: of the split.
      positive: the index of the class that a single logit speaks of.
      check: called after each batch with the number of this worker's examples that are done; may
        raise to stop.
      num_workers: of the strategy.
      gather: from the rows of this worker to those of all.

    Raises:
      DataError: the split holds another number of examples.
    """
    columns: dict[str, list[np.ndarray]] = {"logits": [], "label": [], "position": [], "weight": []}
    num_done = 0
    for batch in strategies.distribute(strategy, batches, num_workers):
        rows = {
            **{name: batch[name] for name in columns if name in batch},
            "logits": step(batch),
        }
        for name, values in rows.items():
            local = strategy.experimental_local_results(values)
            columns[name].append(np.concatenate([value.numpy() for value in local]))
        num_done += int(np.count_nonzero(columns["weight"][-1]))
        check(num_done)
    table = gather({name: np.concatenate(parts) for name, parts in columns.items()})
    counted = table["weight"] > 0
    if counted.sum() != num_examples:
        raise exits.DataError(
            f"A split of {num_examples:,} examples gave {counted.sum():,}: its shards were changed "
            "while they were read. Run the same command again."
        )
    order = np.argsort(table["position"][counted], kind="stable")
    return Predictions(table["logits"][counted][order], table["label"][counted][order], positive)
