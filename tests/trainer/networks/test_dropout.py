import numpy as np
import pytest
import tensorflow as tf

from trainer.networks import dropout

STEP = [3, 7]
SEEDS = [3_243_650_080, 312_736_311, 3_049_196_515]
UNIFORM = [0.3149184, 0.25055832, 0.92196268]


def _seeds(positions, step=STEP):
    return dropout.seeds(tf.constant(step, tf.int64), tf.constant(positions, tf.int64))


def test_the_numbers_are_literally_these():
    # They must stay: a run that was stopped goes on with another version of the packages, too.
    seeds = _seeds([0, 1, 2])
    assert seeds.numpy().tolist() == SEEDS
    assert dropout.uniform(seeds[:1], [3], 1).numpy()[0] == pytest.approx(UNIFORM, abs=1e-7)


def test_an_example_has_the_same_number_in_any_batch():
    whole = _seeds(range(8)).numpy()
    assert np.array_equal(_seeds([5, 2]).numpy(), whole[[5, 2]])
    assert len(set(whole)) == 8
    assert not set(whole) & set(_seeds(range(8), [3, 8]).numpy())


def test_numbers_are_uniform_and_of_each_other_independent():
    numbers = dropout.uniform(_seeds(range(400)), [500], 0).numpy()
    assert 0 <= numbers.min() < numbers.max() < 1
    # Of 200,000 numbers: four standard errors.
    assert numbers.mean() == pytest.approx(0.5, abs=4 * 12**-0.5 / 447)
    counts = np.histogram(numbers, bins=100, range=(0, 1))[0]
    assert ((counts - 2000) ** 2 / 2000).sum() < 155  # chi-squared of 99: one in 3,000
    for table in (numbers, numbers.T):
        between = np.corrcoef(table)[~np.eye(len(table), dtype=bool)]
        assert between.std() == pytest.approx(table.shape[1] ** -0.5, rel=0.03)


def test_each_layer_draws_other_numbers():
    seeds = _seeds(range(100))
    first, other = (dropout.uniform(seeds, [100], salt).numpy().ravel() for salt in (0, 31))
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.04


def test_a_share_is_dropped_and_the_rest_grows_by_as_much():
    values = tf.ones([50, 4, 5, 6], tf.float16)
    dropped = dropout.drop(values, _seeds(range(50)), 0.2, 0)
    assert dropped.dtype == tf.float16
    assert set(np.unique(dropped.numpy())) == {0, np.float16(1.25)}
    assert (dropped.numpy() == 0).mean() == pytest.approx(0.2, abs=0.02)


def test_the_layer_drops_in_training_alone():
    layer = dropout.Dropout(0.5, salt=3)
    values, seeds = tf.ones([4, 8]), _seeds(range(4))
    assert np.array_equal(layer([values, seeds]), values)
    expected = dropout.drop(values, seeds, 0.5, 3)
    assert np.array_equal(layer([values, seeds], training=True), expected)


@pytest.mark.parametrize("compiled", [False, True])
def test_the_same_is_dropped_in_a_graph(compiled):
    values, seeds = tf.ones([4, 8]), _seeds(range(4))
    traced = tf.function(lambda s: dropout.drop(values, s, 0.5, 3), jit_compile=compiled)
    assert np.array_equal(traced(seeds), dropout.drop(values, seeds, 0.5, 3))
