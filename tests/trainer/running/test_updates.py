import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer import strategies
from trainer.running import averaging, updates

OPTIMIZERS = {
    "adamw": lambda rate=0.1: keras.optimizers.AdamW(rate, weight_decay=0.1),
    "sgd": lambda rate=0.1: keras.optimizers.SGD(rate, momentum=0.9, nesterov=True),
    "lion": lambda rate=0.1: keras.optimizers.Lion(rate, weight_decay=0.1),
}


def _after(make, gradients, *, name="default", rates=None, momentum=None):
    """Returns two weights after some updates, and their averages."""
    strategy = strategies.make(name, logical_cpus=2)
    with strategy.scope():
        weights = [keras.Variable([1.0, -2.0]), keras.Variable([[0.5]])]
        values = [variable.value for variable in weights]
        average = averaging.WeightsAverage(values, momentum) if momentum else None
        optimizer = make()
        optimizer.build(weights)
        update = updates.Update(optimizer, weights, rates=rates, average=average)

    @tf.function
    def step(first, second):
        update([first, second])

    for first, second in gradients:
        step(tf.constant(first), tf.constant(second))
    found = [variable.numpy() for variable in weights]
    return found, [variable.numpy() for variable in average.averages] if average else None


GRADIENTS = [([0.5, -1.0], [[2.0]]), ([0.1, 3.0], [[-1.0]]), ([-0.5, 0.2], [[0.3]])]


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("name", ["default", "mirrored"])
def test_a_weight_with_half_the_rate_moves_as_by_an_optimizer_of_half_the_rate(kind, name):
    make = OPTIMIZERS[kind]
    (whole, _), _ = _after(make, GRADIENTS)
    (_, half), _ = _after(lambda: make(0.05), GRADIENTS)
    (first, second), _ = _after(make, GRADIENTS, name=name, rates=[1.0, 0.5])
    assert first == pytest.approx(whole, abs=1e-6)
    assert second == pytest.approx(half, abs=1e-6)


@pytest.mark.parametrize("name", ["default", "mirrored"])
def test_the_average_moves_with_each_update(name):
    gradients = [([1.0, 0.0], [[4.0]])] * 2
    weights, averages = _after(
        lambda: keras.optimizers.SGD(1.0), gradients, name=name, momentum=0.999
    )
    assert weights[0].tolist() == [-1.0, -2.0]
    # Of the average 2/11 stay at the first update and 3/12 at the second.
    first = 1 * 2 / 11 + 0 * 9 / 11
    assert averages[0] == pytest.approx([first * 3 / 12 - 1 * 9 / 12, -2.0])
    assert averages[1].shape == (1, 1)


def test_a_rate_of_nothing_leaves_a_weight_to_the_bit():
    start = np.array([1.0, -2.0], np.float32)
    (first, _), _ = _after(lambda: keras.optimizers.SGD(0.1), GRADIENTS, rates=[0.0, 1.0])
    assert np.array_equal(first, start)
