import hypothesis
import hypothesis.extra.numpy
import hypothesis.strategies as st
import numpy as np
import pytest
import sklearn.metrics

from trainer.scoring import metrics

NAMES = ("real", "fake")


def _chances(*positive):
    """Probabilities of two classes from those of the second."""
    return np.array([[1 - chance, chance] for chance in positive])


# Class 0 is recognised in 2 of 3 cases, class 1 in 1 of 2.
LABELS = np.array([0, 0, 0, 1, 1])
CHANCES = _chances(0.1, 0.2, 0.9, 0.8, 0.3)


@pytest.mark.parametrize(
    ("positive", "precision", "recall", "f1"), [(1, 1 / 2, 1 / 2, 1 / 2), (0, 2 / 3, 2 / 3, 2 / 3)]
)
def test_two_classes_by_hand(positive, precision, recall, f1):
    result = metrics.evaluate(LABELS, CHANCES, NAMES, positive)
    assert result["confusion_matrix"] == [[2, 1], [1, 1]]
    assert result["examples"] == 5
    assert result["accuracy"] == pytest.approx(3 / 5)
    assert result["balanced_accuracy"] == pytest.approx(7 / 12)
    assert result["precision"] == pytest.approx(precision)
    assert result["recall"] == pytest.approx(recall)
    assert result["f1"] == pytest.approx(f1)
    # Of the 6 pairs of one example of each class 4 are in the right order, whichever is positive.
    assert result["auc"] == pytest.approx(4 / 6)


def test_three_classes_by_hand():
    labels = np.array([0, 0, 1, 1, 2, 2])
    chances = np.eye(3)[[0, 1, 1, 1, 2, 0]] * 0.7 + 0.1
    result = metrics.evaluate(labels, chances, ("a", "b", "c"), positive=1)
    assert result["confusion_matrix"] == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
    assert result["accuracy"] == pytest.approx(4 / 6)
    assert result["precision"] == pytest.approx((1 / 2 + 2 / 3 + 1) / 3)
    assert result["recall"] == pytest.approx((1 / 2 + 1 + 1 / 2) / 3)
    # One against the rest: 5 of 8 pairs for a, 7 of 8 for b, 6 of 8 for c, ties counted half.
    assert result["auc"] == pytest.approx((5 / 8 + 7 / 8 + 6 / 8) / 3)


def test_a_perfect_predictor():
    result = metrics.evaluate(np.array([0, 1, 1]), _chances(0.1, 0.7, 0.9), NAMES, positive=1)
    for name in ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "auc"):
        assert result[name] == 1
    assert result["confusion_matrix"] == [[1, 0], [0, 2]]


def test_a_constant_predictor_knows_nothing():
    result = metrics.evaluate(np.array([0, 1, 1]), _chances(0.2, 0.2, 0.2), NAMES, positive=1)
    assert result["auc"] == 0.5
    assert result["balanced_accuracy"] == 0.5
    assert (result["precision"], result["recall"], result["f1"]) == (0, 0, 0)


def test_where_a_class_is_absent_the_auc_is_not_defined():
    result = metrics.evaluate(np.array([1, 1]), _chances(0.9, 0.1), NAMES, positive=1)
    assert result["auc"] is None
    assert result["confusion_matrix"] == [[0, 0], [1, 1]]
    assert result["balanced_accuracy"] == 0.5


def test_where_one_of_three_classes_is_absent_the_auc_is_not_defined():
    assert metrics.roc_auc(np.array([0, 1]), np.eye(3)[[0, 1]], positive=1) is None


# Newcombe 1998, Statistics in Medicine 17:857, table I, method 3.
@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_wilson_interval_is_that_of_the_textbook(hits, count, low, high):
    assert metrics.wilson_interval(hits / count, count) == pytest.approx([low, high], abs=5e-5)


CONFUSIONS = hypothesis.extra.numpy.arrays(
    np.int64,
    st.integers(2, 4).map(lambda classes: (classes, classes)),
    elements=st.integers(0, 5),
).filter(np.any)


@hypothesis.given(CONFUSIONS, st.integers(0, 1))
def test_what_follows_from_a_confusion_matrix_is_as_scikit_learn_has_it(confusion, positive):
    true, predicted = np.indices(confusion.shape).reshape(2, -1).repeat(confusion.ravel(), axis=1)
    found = metrics.of_confusion(confusion, positive)
    binary = len(confusion) == 2
    average = {"average": "binary", "pos_label": positive} if binary else {"average": "macro"}
    precision, recall, f1, _ = sklearn.metrics.precision_recall_fscore_support(
        true, predicted, zero_division=0, labels=None if not binary else [0, 1], **average
    )
    balanced = [np.mean(predicted[true == k] == k) for k in np.unique(true)]
    assert found["accuracy"] == pytest.approx(np.mean(true == predicted))
    assert found["balanced_accuracy"] == pytest.approx(np.mean(balanced))
    assert [found["precision"], found["recall"], found["f1"]] == pytest.approx(
        [precision, recall, f1]
    )


def test_matrices_are_taken_many_at_a_time():
    matrices = np.array([[[2, 1], [1, 1]], [[4, 0], [0, 4]]])
    found = metrics.of_confusion(matrices, positive=1)
    assert found["f1"].tolist() == [0.5, 1]
