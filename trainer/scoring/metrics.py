"""What a prediction is worth: the numbers of a run, from probabilities and labels."""

import math
from typing import Any

import numpy as np
import sklearn.metrics

NAMES = ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "auc")
Z_95 = 1.959964  # two-sided 95 % of the normal distribution


def evaluate(
    labels: np.ndarray, chances: np.ndarray, class_names: tuple[str, ...], positive: int
) -> dict[str, Any]:
    """Returns all metrics of a split.

    Two classes: precision, recall and F1 are of the positive class. More: means over the classes,
    the AUC one against the rest. A metric that is not defined, such as an AUC where one class is
    absent, is None.

    Args:
      labels: int64 [examples].
      chances: class probabilities, [examples, classes].
      class_names: in the order of the indices.
      positive: the index of the positive class of two.
    """
    predicted = chances.argmax(axis=1)
    confusion = sklearn.metrics.confusion_matrix(labels, predicted, labels=range(len(class_names)))
    return {
        "examples": len(labels),
        **{name: float(value) for name, value in of_confusion(confusion, positive).items()},
        "auc": roc_auc(labels, chances, positive),
        "confusion_matrix": confusion.tolist(),
    }


def of_confusion(confusion: np.ndarray, positive: int) -> dict[str, np.ndarray]:
    """Returns the metrics that follow from confusion matrices, float64 [...].

    What would be 0 / 0 is 0. Balanced accuracy, and the means over more classes than two, are of
    the classes that occur.

    Args:
      confusion: [..., classes, classes], rows are true classes and columns predicted ones.
      positive: see `evaluate`.
    """
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    true, predicted = confusion.sum(axis=-1), confusion.sum(axis=-2)
    recall, precision = _ratio(hits, true), _ratio(hits, predicted)
    by_class = {"precision": precision, "recall": recall, "f1": _ratio(2 * hits, true + predicted)}
    binary = confusion.shape[-1] == 2
    return {
        "accuracy": hits.sum(axis=-1) / true.sum(axis=-1),
        "balanced_accuracy": _mean(recall, true > 0),
        **{
            name: values[..., positive] if binary else _mean(values, true + predicted > 0)
            for name, values in by_class.items()
        },
    }


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(whole.shape), where=whole > 0)


def _mean(values: np.ndarray, occurs: np.ndarray) -> np.ndarray:
    return (values * occurs).sum(axis=-1) / occurs.sum(axis=-1)


def roc_auc(labels: np.ndarray, chances: np.ndarray, positive: int) -> float | None:
    """Returns the area under the ROC curve, or None where a class is absent."""
    classes = chances.shape[1]
    if len(np.unique(labels)) < classes:
        return None
    if classes == 2:
        return float(sklearn.metrics.roc_auc_score(labels == positive, chances[:, positive]))
    scores = [sklearn.metrics.roc_auc_score(labels == k, chances[:, k]) for k in range(classes)]
    return float(np.mean(scores))


def wilson_interval(share: float, count: float) -> list[float]:
    """Returns the 95 % interval of a share of `count` examples (Wilson 1927)."""
    z2 = Z_95**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    reach = Z_95 / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return [max(0.0, middle - reach), min(1.0, middle + reach)]
