import numpy as np
import pytest

from trainer.rate_range import curve

RATES = curve.rates(1e-5, 1.0, 300)


def _losses(noise=0.01, fall=0.3, at=1e-3, diverges_at=None, seed=0):
    """Losses that fall most steeply at a rate, with noise, until they grow beyond all bounds."""
    decades = np.log10(RATES / at)
    losses = 0.7 - fall / (1 + np.exp(-4 * decades))
    losses += np.random.default_rng(seed).normal(0, noise, len(RATES))
    if diverges_at is None:
        return losses.tolist()
    return [*losses[diverges_at > RATES], 50.0, 50.0]


def test_the_rates_rise_by_the_same_factor():
    assert curve.rates(1e-4, 1.0, 5).tolist() == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1])


@pytest.mark.parametrize("at", [3e-4, 1e-3, 1e-2])
@pytest.mark.parametrize("seed", range(3))
def test_the_suggestion_is_where_the_loss_falls_fastest(at, seed):
    found = curve.suggest(RATES, _losses(at=at, seed=seed), 300)
    assert at / 2 <= found.steepest <= at * 2
    assert at / 3 <= found.rate <= at * 3
    assert found.diverges is None


def test_it_is_at_most_a_tenth_of_where_the_loss_diverges():
    losses = _losses(at=1e-2, diverges_at=3e-2)
    tried = RATES[: len(losses)]
    found = curve.suggest(tried, losses, 300)
    assert found.diverges == tried[-1] == pytest.approx(3.1e-2, rel=0.05)
    assert found.steepest > 4e-3
    assert found.rate == 3e-3


@pytest.mark.parametrize("seed", range(10))
def test_of_a_loss_that_does_not_fall_nothing_is_said(seed):
    found = curve.suggest(RATES, _losses(noise=0.1, fall=0, seed=seed), 300)
    assert (found.rate, found.steepest, found.lowest) == (None, None, None)


@pytest.mark.parametrize("losses", [[float("nan")], [0.7, float("inf")], [0.7, 0.7, float("nan")]])
def test_of_a_loss_that_fails_at_once_nothing_is_said(losses):
    found = curve.suggest(RATES[: len(losses)], losses, 300)
    assert (found.rate, found.diverges) == (None, RATES[len(losses) - 1])


@pytest.mark.parametrize(
    ("losses", "diverged"),
    [
        ([0.7], False),
        ([0.7, float("nan")], True),
        ([0.7, 1.5, 0.7, 0.6], False),  # one bad batch
        ([0.7] * 20 + [3.0] * 5, True),
    ],
)
def test_a_divergence_is_more_than_a_bad_batch(losses, diverged):
    assert curve.has_diverged(losses) is diverged


def test_smoothing_has_no_delay_and_leaves_out_what_is_not_finite():
    losses = np.r_[np.ones(100), np.zeros(100)]
    smoothed = curve.smooth([*losses, float("nan")], 200)
    assert smoothed.shape == (200,)
    assert smoothed[99] + smoothed[100] == pytest.approx(1)


@pytest.mark.parametrize(("rate", "rounded"), [(0.0023, 0.002), (0.0026, 0.003), (8e-5, 1e-4)])
def test_suggestions_are_round(rate, rounded):
    assert curve._rounded(rate) == rounded
