import pytest
import tensorflow as tf

from trainer import strategies
from trainer.running import loss_scale

INF = float("inf")


@pytest.fixture(params=["default", "mirrored"])
def scale(request):
    with strategies.make(request.param, logical_cpus=2).scope():
        return loss_scale.LossScale()


def _after(scale, *steps):
    """Tells of steps, each a loss and whether its gradient was finite, which of them overflowed."""

    @tf.function
    def after(loss, is_finite):
        return scale.after(loss, is_finite)

    return [bool(after(tf.constant(loss), tf.constant(is_finite))) for loss, is_finite in steps]


def test_it_is_halved_by_each_overflow_and_by_nothing_else(scale):
    assert _after(scale, (0.5, False), (0.5, True), (0.5, False)) == [True, False, True]
    assert float(scale.value.numpy()) == 2.0**13


def test_a_loss_that_is_not_finite_itself_is_no_overflow(scale):
    assert _after(scale, (INF, False), (float("nan"), False)) == [False, False]
    assert float(scale.value.numpy()) == 2.0**15


def test_at_its_floor_a_gradient_that_is_not_finite_is_no_overflow_any_more(scale):
    scale.value.assign(2.0)
    assert _after(scale, (0.5, False), (0.5, False)) == [True, False]
    assert float(scale.value.numpy()) == 1.0


def test_it_grows_after_enough_good_steps_in_a_row_up_to_its_ceiling(scale, monkeypatch):
    monkeypatch.setattr(loss_scale, "GROWS_AFTER", 3)
    good, overflow = (0.5, True), (0.5, False)
    _after(scale, good, good, overflow, good, good)
    assert float(scale.value.numpy()) == 2.0**14
    _after(scale, good)
    assert float(scale.value.numpy()) == 2.0**15
    scale.value.assign(loss_scale.CEILING)
    _after(scale, good, good, good)
    assert float(scale.value.numpy()) == 2.0**24
