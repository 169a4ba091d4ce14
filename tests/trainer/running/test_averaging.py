import numpy as np
import pytest
import tensorflow as tf

from trainer import strategies
from trainer.running import averaging

BOTH = ["default", "mirrored"]


@pytest.fixture(params=BOTH)
def strategy(request):
    return strategies.make(request.param, logical_cpus=2)


def _weights(strategy, momentum):
    with strategy.scope():
        weights = [tf.Variable([0.0, 0.1]), tf.Variable([[3.0]])]
        return weights, averaging.WeightsAverage(weights, momentum)


def _move(weights, average, values, num_updates):
    @tf.function
    def step(count):
        average.move(count)

    for variable, value in zip(weights, values, strict=True):
        variable.assign(value)
    step(tf.constant(num_updates, tf.int64))


def test_the_average_moves_by_its_momentum_once_it_has_seen_enough(strategy):
    weights, average = _weights(strategy, 0.75)
    _move(weights, average, [[4.0, 0.1], [[7.0]]], 1000)
    assert average.averages[0].numpy() == pytest.approx([1.0, 0.1])
    assert average.averages[1].numpy() == pytest.approx(np.array([[4.0]]))


def test_at_first_the_average_forgets_sooner(strategy):
    weights, average = _weights(strategy, 0.999)
    _move(weights, average, [[11.0, 0.1], [[3.0]]], 1)
    # (1 + 1) / (10 + 1) of the old value stays.
    assert average.averages[0].numpy() == pytest.approx([9.0, 0.1])


def test_for_a_while_the_weights_are_the_average_and_then_again_what_they_were(strategy):
    weights, average = _weights(strategy, 0.5)
    new = np.array([0.1, 0.7], np.float32) / 3
    _move(weights, average, [new, [[1.0]]], 1000)
    with pytest.raises(RuntimeError), average.in_place():
        found = weights[0].numpy()
        assert found == pytest.approx(np.array([0.0, 0.1]) / 2 + new / 2)
        raise RuntimeError
    assert np.array_equal(weights[0].numpy(), new)
    assert average.averages[0].numpy() == pytest.approx(found)


def test_a_checkpoint_holds_the_average(strategy, tmp_path):
    weights, average = _weights(strategy, 0.5)
    _move(weights, average, [[1.0, 2.0], [[5.0]]], 1000)
    path = tf.train.Checkpoint(average=average).write(str(tmp_path / "saved"))
    _, other = _weights(strategy, 0.5)
    tf.train.Checkpoint(average=other).read(path).assert_consumed()
    for found, value in zip(other.averages, average.averages, strict=True):
        assert np.array_equal(found.numpy(), value.numpy())
