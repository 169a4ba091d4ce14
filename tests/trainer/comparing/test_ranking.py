import numpy as np
import pytest

from trainer.comparing import ranking
from trainer.scoring import bootstrap


def _distributions(*means, spread=0.01, own=0.001):
    """Resamples that share what makes them hard."""
    random = np.random.default_rng(0)
    shared = random.normal(0, spread, 2000)
    return [mean + shared + random.normal(0, own, 2000) for mean in means]


def test_a_difference_larger_than_the_noise_makes_a_best():
    # Each spreads by .01, but together: their difference by .0014.
    first, second = ranking.rank([0.90, 0.91], _distributions(0.90, 0.91))
    assert (second.is_best, second.is_close) == (True, False)
    assert (first.is_best, first.is_close) == (False, False)
    assert first.difference == pytest.approx(-0.01)
    assert first.low == pytest.approx(-0.01 - 1.96 * 0.0014, abs=4e-4)
    assert first.high == pytest.approx(-0.01 + 1.96 * 0.0014, abs=4e-4)
    assert (second.difference, second.low, second.high) == (0, 0, 0)


def test_within_the_noise_there_is_no_best():
    standings = ranking.rank([0.90, 0.901, 0.80], _distributions(0.90, 0.901, 0.80))
    assert [standing.is_close for standing in standings] == [True, True, False]
    assert not any(standing.is_best for standing in standings)


def test_a_run_alone_is_neither_best_nor_close():
    (standing,) = ranking.rank([0.9], _distributions(0.9))
    assert (standing.is_best, standing.is_close) == (False, False)


def test_two_that_say_the_same_are_both_among_the_best():
    standings = ranking.rank([1.0, 1.0], [np.ones(2000)] * 2)
    assert all(standing.is_close for standing in standings)


def test_the_more_runs_the_larger_a_difference_must_be():
    # A difference of 2.3 standard errors: enough for one other, by luck to be had among twenty.
    means = [0.9033] + [0.90] * 20
    distributions = _distributions(*means)
    assert ranking.rank(means[:2], distributions[:2])[0].is_best
    assert not ranking.rank(means, distributions)[0].is_best


def test_models_of_the_same_skill_are_rarely_told_apart():
    random = np.random.default_rng(5)
    found = 0
    for _ in range(15):
        labels = np.arange(200) % 2
        hardness = (2 * labels - 1) + random.normal(0, 1, 200)
        rows = [1 / (1 + np.exp(-hardness - random.normal(0, 0.5, 200))) for _ in range(2)]
        drawn = [
            bootstrap.distributions(labels, np.c_[1 - row, row], 1, [str(i) for i in range(200)])
            for row in rows
        ]
        values = [one["auc"].mean() for one in drawn]
        found += ranking.rank(values, [one["auc"] for one in drawn])[0].is_close
    assert found >= 13
