import tracemalloc

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import sklearn.metrics

from trainer.scoring import bootstrap, metrics

SINGLE = [str(index) for index in range(400)]


def _examples(seed=0, count=400, classes=2):
    """Labels, and probabilities that often speak for them."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    chances = random.dirichlet(np.ones(classes), count)
    chances[np.arange(count), labels] += 0.4
    return labels, chances / chances.sum(axis=1, keepdims=True)


def test_the_interval_of_an_accuracy_is_wilsons_where_examples_are_independent():
    labels, chances = _examples()
    accuracy = metrics.evaluate(labels, chances, ("a", "b"), 1)["accuracy"]
    found = bootstrap.distributions(labels, chances, 1, SINGLE)["accuracy"]
    wilson = metrics.wilson_interval(accuracy, 400)
    interval = bootstrap.interval(accuracy, found, num_examples=400, num_groups=200)
    assert interval == pytest.approx(wilson, abs=0.002)


def test_the_interval_of_an_auc_is_that_of_its_paper():
    # Hanley and McNeil 1982: an area of .893 has a standard error of .032 with 51 and 58
    # cases, if scores are exponential.
    random = np.random.default_rng(3)
    widths = []
    for _ in range(20):
        scores = np.r_[random.exponential(8.35, 51), random.exponential(1, 58)]
        labels = np.r_[np.ones(51, int), np.zeros(58, int)]
        chance = scores / (1 + scores)
        chances = np.c_[1 - chance, chance]
        found = bootstrap.distributions(labels, chances, 1, SINGLE[:109])["auc"]
        widths.append(found.std())
    assert np.mean(widths) == pytest.approx(0.032, abs=0.004)


def test_copies_of_an_example_in_its_group_do_not_narrow_an_interval():
    labels, chances = _examples()
    once = bootstrap.distributions(labels, chances, 1, SINGLE)
    copied = bootstrap.distributions(
        labels.repeat(4), chances.repeat(4, axis=0), 1, np.repeat(SINGLE, 4).tolist()
    )
    apart = bootstrap.distributions(
        labels.repeat(4), chances.repeat(4, axis=0), 1, [str(i) for i in range(1600)]
    )
    for name in metrics.NAMES:
        assert copied[name].std() == pytest.approx(once[name].std(), rel=0.15), name
        assert apart[name].std() == pytest.approx(once[name].std() / 2, rel=0.15), name


@hypothesis.given(st.integers(0, 1000), st.integers(2, 4))
@hypothesis.settings(max_examples=10)
def test_areas_with_weights_are_those_of_scikit_learn(seed, classes):
    labels, chances = _examples(seed, 30, classes)
    chances = chances.round(1)  # so that there are ties
    weights = np.random.default_rng(seed).integers(1, 4, (3, 30))
    rankings = bootstrap._rankings(labels, chances, positive=1)
    indices = [1] if classes == 2 else range(classes)
    for index, ranking in zip(indices, rankings, strict=True):
        expected = [
            sklearn.metrics.roc_auc_score(labels == index, chances[:, index], sample_weight=row)
            for row in weights
        ]
        assert bootstrap._areas(weights, *ranking) == pytest.approx(expected)


@hypothesis.given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5)), min_size=1, max_size=20)
)
@hypothesis.settings(max_examples=20)
def test_each_draw_has_the_classes_and_takes_groups_whole(examples):
    labels = np.array([label for label, _ in examples])
    group_ids = [f"group {group}" for _, group in examples]
    weights = np.concatenate(list(bootstrap._weights(labels, group_ids, 2)))
    assert weights.shape == (bootstrap.RESAMPLES, len(examples))
    for label in np.unique(labels):
        assert (weights[:, labels == label].sum(axis=1) > 0).all()
    for group in set(group_ids):
        of_group = weights[:, [other == group for other in group_ids]]
        assert (of_group == of_group[:, :1]).all()


def test_two_models_are_drawn_alike(monkeypatch):
    labels, chances = _examples()
    monkeypatch.setattr(bootstrap, "_CHUNK_VALUES", 4000)  # as with large test sets
    first = bootstrap.distributions(labels, chances, 1, SINGLE)
    second = bootstrap.distributions(labels, chances[:, ::-1], 1, SINGLE)
    assert first["accuracy"] + second["accuracy"] == pytest.approx(1)
    assert first["accuracy"].shape == (bootstrap.RESAMPLES,)


def test_hundreds_of_classes_take_little_memory(monkeypatch):
    monkeypatch.setattr(bootstrap, "RESAMPLES", 30)
    labels, chances = _examples(count=600, classes=300)
    tracemalloc.start()
    found = bootstrap.distributions(labels, chances, 0, [str(index) for index in range(600)])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 << 20
    accuracy = (chances.argmax(axis=1) == labels).mean()
    assert found["accuracy"].mean() == pytest.approx(accuracy, abs=0.02)


def test_a_score_without_a_mistake_is_not_certain():
    labels = np.array([0, 1] * 20)
    chances = np.eye(2)[labels]
    values = dict.fromkeys(metrics.NAMES, 1.0)
    found = bootstrap.intervals(values, labels, chances, 1, SINGLE[:40])
    # Wilson's intervals of 40 of 40, and of 20 of 20.
    assert found["auc_interval"] == pytest.approx([0.9124, 1], abs=1e-4)
    assert found["recall_interval"] == pytest.approx([0.8389, 1], abs=1e-4)


def test_one_mistake_is_hardly_more_certain_than_none():
    labels = np.array([0, 1] * 100)
    chances = np.eye(2)[np.r_[1 - labels[:1], labels[1:]]]
    found = bootstrap.intervals({"accuracy": 0.995}, labels, chances, 1, SINGLE[:200])
    # Wilson's interval of 199 of 200; percentiles would end at .985 and 1.
    assert found["accuracy_interval"] == pytest.approx([0.9722, 0.9991], abs=2e-3)


def test_an_interval_is_as_wide_as_groups_make_it():
    labels, chances = _examples()
    copies = (labels.repeat(4), chances.repeat(4, axis=0), 1)
    accuracy = {"accuracy": float((chances.argmax(axis=1) == labels).mean())}
    once = bootstrap.intervals(accuracy, labels, chances, 1, SINGLE)["accuracy_interval"]
    copied = bootstrap.intervals(accuracy, *copies, np.repeat(SINGLE, 4).tolist())
    assert copied["accuracy_interval"] == pytest.approx(once, abs=0.003)


def test_a_constant_score_has_an_interval():
    found = bootstrap.interval(0.5, np.full(2000, 0.5), num_examples=100, num_groups=50)
    assert found == pytest.approx(metrics.wilson_interval(0.5, 100))


def test_where_a_class_is_absent_the_auc_has_no_interval():
    labels, chances = np.array([1, 1]), np.array([[0.1, 0.9], [0.8, 0.2]])
    values = {"accuracy": 0.5, "auc": None}
    found = bootstrap.intervals(values, labels, chances, 1, ["a", "b"])
    assert found["auc_interval"] is None
    assert found["accuracy_interval"] == pytest.approx(metrics.wilson_interval(0.5, 2), abs=0.01)
