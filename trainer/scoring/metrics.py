"""What a prediction is worth: the numbers of a run, from probabilities and labels."""

import math
from typing import Any

import numpy as np
import sklearn.metrics

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
    binary = len(class_names) == 2
    average = {"average": "binary", "pos_label": positive} if binary else {"average": "macro"}
    precision, recall, f1, _ = sklearn.metrics.precision_recall_fscore_support(
        labels, predicted, zero_division=0, **average
    )
    accuracy = float((predicted == labels).mean())
    auc = roc_auc(labels, chances, positive)
    confusion = sklearn.metrics.confusion_matrix(labels, predicted, labels=range(len(class_names)))
    return {
        "examples": len(labels),
        "accuracy": accuracy,
        "accuracy_interval": wilson_interval(accuracy, len(labels)),
        "balanced_accuracy": _balanced_accuracy(confusion),
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "auc": auc,
        "auc_interval": _auc_interval(auc, labels, positive) if binary else None,
        "confusion_matrix": confusion.tolist(),
    }


def roc_auc(labels: np.ndarray, chances: np.ndarray, positive: int) -> float | None:
    """Returns the area under the ROC curve, or None where a class is absent."""
    classes = chances.shape[1]
    if len(np.unique(labels)) < classes:
        return None
    if classes == 2:
        return float(sklearn.metrics.roc_auc_score(labels == positive, chances[:, positive]))
    scores = [sklearn.metrics.roc_auc_score(labels == k, chances[:, k]) for k in range(classes)]
    return float(np.mean(scores))


def wilson_interval(share: float, count: int) -> list[float]:
    """Returns the 95 % interval of a share of `count` examples (Wilson 1927)."""
    z2 = Z_95**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    reach = Z_95 / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return [max(0.0, middle - reach), min(1.0, middle + reach)]


def _auc_interval(auc: float | None, labels: np.ndarray, positive: int) -> list[float] | None:
    """Returns the 95 % interval of an AUC (Hanley and McNeil 1982)."""
    if auc is None:
        return None
    hits = int((labels == positive).sum())
    others = len(labels) - hits
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (hits - 1) * (q1 - auc**2) + (others - 1) * (q2 - auc**2)
    reach = Z_95 * math.sqrt(variance / (hits * others))
    return [max(0.0, auc - reach), min(1.0, auc + reach)]


def _balanced_accuracy(confusion: np.ndarray) -> float:
    """Returns the mean recall of the classes that occur."""
    totals = confusion.sum(axis=1)
    return float((confusion.diagonal()[totals > 0] / totals[totals > 0]).mean())
