"""Activations that are computed again: the same numbers, and nothing kept."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.networks import dropout, precision, remat

IMAGES = np.random.default_rng(0).random((4, 8, 8, 3)).astype(np.float32)
SEEDS = np.arange(4, dtype=np.uint32)


def _network():
    """Convolutions with batch norm, a shortcut, and dropout of both kinds."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    images, seeds = keras.Input((8, 8, 3), name="images"), keras.Input((), dtype="uint32")
    first = layers.Conv2D(4, 3, padding="same", name="first")(images)
    norm = layers.BatchNormalization(momentum=0.5, name="norm")(first)
    dropped = dropout.Dropout(0.5, salt=1)([norm, seeds])
    around = layers.Conv2D(4, 3, padding="same", activation="relu")(dropped)
    added = layers.Add(name="added")([dropped, around])
    noisy = layers.Dropout(0.5, seed=3, name="noisy")(added)
    return keras.Model([images, seeds], layers.Conv2D(2, 1, name="last")(noisy))


def _in_parts(network, names):
    return remat.Parts(network, [network.get_layer(name).output for name in names])


def _trained(network, call, training):
    """Returns a loss and its gradients, and what the network's variables are after two steps."""
    variables = [variable.value for variable in network.trainable_variables]
    inputs = [tf.constant(IMAGES), tf.constant(SEEDS)]

    def gradients():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(call(inputs, training=training)))
        return [loss, *tape.gradient(loss, variables)]

    in_graph = tf.function(gradients)
    found = [*gradients(), *in_graph(), *network.variables]
    return [np.array(value.numpy(), np.float32) for value in found]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "names", [("images", "norm", "added", "last"), ("first", "added"), ("norm", "added", "noisy")]
)
def test_the_numbers_are_those_of_the_network(names, training):
    whole, cut = _network(), _network()
    for network in (whole, cut):
        network.get_layer("first").trainable = names[0] != "norm"
    expected = _trained(whole, whole, training)
    found = _trained(cut, _in_parts(cut, names), training)
    for value, wanted in zip(found, expected, strict=True):
        assert value == pytest.approx(wanted, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_half_precision_is_half_precision_in_each_part(name):
    with precision.of_new_layers(name):
        whole, cut = _network(), _network()
        parts = _in_parts(cut, ("first", "norm", "added"))
    inputs = [tf.constant(IMAGES), tf.constant(SEEDS)]
    found, expected = parts(inputs), whole(inputs)
    assert found.dtype == expected.dtype == name
    assert found.numpy().tolist() == expected.numpy().tolist()


class Counted(keras.layers.Layer):
    """The identity, which notes when it is computed; TensorFlow may do so once for two."""

    def __init__(self, note, **options):
        super().__init__(**options)

        def zeros(values):
            note()
            return np.zeros_like(values)

        # Traced once, so that two calls are the same operation.
        self._zeros = tf.function(
            lambda values: tf.numpy_function(zeros, [values], tf.float32, stateful=False)
        )

    def call(self, inputs):
        return inputs + tf.stop_gradient(tf.ensure_shape(self._zeros(inputs), inputs.shape))


@pytest.mark.parametrize(("names", "expected"), [((), 1), (("first", "second"), 2)])
def test_what_lies_between_cuts_is_computed_twice(names, expected):
    times = []
    images = keras.Input((8, 8, 3))
    first = keras.layers.Conv2D(2, 1, name="first")(images)
    counted = Counted(lambda: times.append(1))(first)
    second = keras.layers.Conv2D(2, 1, name="second", activation="relu")(counted)
    network = keras.Model(images, keras.layers.Conv2D(2, 1)(second))
    call = _in_parts(network, names) if names else network
    times.clear()  # of what Keras has tried

    @tf.function
    def gradients():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(call(tf.constant(IMAGES), training=True)))
        return tape.gradient(loss, [v.value for v in network.trainable_variables])

    gradients()
    assert len(times) == expected
