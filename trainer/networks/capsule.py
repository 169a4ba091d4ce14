"""A capsule network: squash, routing by agreement, margin loss.

Source: Sabour, Frosst, Hinton 2017, "Dynamic Routing Between Capsules" (arXiv:1710.09829). Other
than there, all input capsules share one kernel, so that their number, and the size of the image, do
not count among the parameters; and votes are averaged, not added up. With tens of thousands of
input capsules a sum makes every output's length 1 from the first step on, where squash is flat
and nothing is learnt.
"""

from typing import Any

import keras
import tensorflow as tf

INPUT_DIMENSIONS = 8
OUTPUT_DIMENSIONS = 16
NUM_ROUTINGS = 3
PRESENT, ABSENT = 0.9, 0.1  # lengths beyond which the loss is content
ABSENT_WEIGHT = 0.5
_EPSILON = 1e-7


def network(input_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Two convolutions, and a capsule for each class: from scaled pixels to the capsules' lengths.

    Returns:
      A network whose output is float32 [batch, num_classes], in [0, 1).
    """
    inputs = features = keras.Input(input_shape)
    for filters in (64, 128):
        features = keras.layers.Conv2D(
            filters, 9, strides=2, activation="relu", kernel_initializer="he_normal"
        )(features)
    capsules = keras.layers.Reshape((-1, INPUT_DIMENSIONS), dtype="float32")(features)
    lengths = RoutedCapsules(num_classes, dtype="float32")(capsules)
    return keras.Model(inputs, lengths, name="capsnet")


class RoutedCapsules(keras.layers.Layer):
    """Input capsules float32 [batch, inputs, 8] -> lengths of the outputs, [batch, outputs]."""

    def __init__(self, num_outputs: int, **options: Any):
        super().__init__(**options)
        self._num_outputs = num_outputs

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the kernel, which all input capsules share."""
        columns = self._num_outputs * OUTPUT_DIMENSIONS
        self.kernel = self.add_weight(
            shape=(INPUT_DIMENSIONS, columns), initializer="glorot_uniform", name="kernel"
        )

    def call(self, capsules: tf.Tensor) -> tf.Tensor:
        """Returns the lengths."""
        matrices = tf.reshape(
            tf.convert_to_tensor(self.kernel), [INPUT_DIMENSIONS, -1, OUTPUT_DIMENSIONS]
        )
        outputs = route(squash(capsules), tf.transpose(matrices, [1, 0, 2]))
        return tf.sqrt(tf.reduce_sum(tf.square(outputs), axis=-1) + _EPSILON)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns the shape of the lengths."""
        return (input_shape[0], self._num_outputs)


def squash(vectors: tf.Tensor) -> tf.Tensor:
    """Shortens vectors [..., dimensions] to lengths below 1: s^2 / (1 + s^2), equation 1."""
    square = tf.reduce_sum(tf.square(vectors), axis=-1, keepdims=True)
    return vectors * tf.sqrt(square + _EPSILON) / (1 + square)


def route(capsules: tf.Tensor, matrices: tf.Tensor, num_routings: int = NUM_ROUTINGS) -> tf.Tensor:
    """Lets input capsules agree on output capsules, procedure 1.

    A vote of an input for an output is `capsule @ matrix`. As the matrix is shared, sums of votes
    are votes of sums, and the votes themselves, four times the capsules' memory, are never made.

    Args:
      capsules: float32 [batch, inputs, 8], squashed.
      matrices: float32 [outputs, 8, 16].
      num_routings: how often the couplings are computed.

    Returns:
      The output capsules, squashed, float32 [batch, outputs, 16].
    """
    # Gradients go through the last routing alone; the couplings are where it happens, not what.
    fixed = tf.stop_gradient(capsules)
    agreement = tf.zeros([tf.shape(capsules)[0], tf.shape(capsules)[1], matrices.shape[0]])
    for routing in range(num_routings):
        is_last = routing == num_routings - 1
        couplings = tf.nn.softmax(agreement, axis=-1)
        totals = tf.matmul(couplings, capsules if is_last else fixed, transpose_a=True)
        totals /= tf.reduce_sum(couplings, axis=1)[..., None]
        outputs = squash(tf.einsum("bjd,jde->bje", totals, matrices))
        if not is_last:
            agreeing = tf.einsum("jde,bje->bjd", matrices, outputs)
            agreement += tf.stop_gradient(tf.matmul(fixed, agreeing, transpose_b=True))
    return outputs


def margin_loss(labels: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Returns the margin loss of each example, equation 4; float32 [batch].

    Args:
      labels: int64 [batch], class indices.
      lengths: float32 [batch, num_classes], of the class capsules.
    """
    is_class = tf.one_hot(labels, lengths.shape[-1])
    missed = tf.square(tf.nn.relu(PRESENT - lengths))
    imagined = tf.square(tf.nn.relu(lengths - ABSENT))
    return tf.reduce_sum(is_class * missed + ABSENT_WEIGHT * (1 - is_class) * imagined, axis=-1)
