"""From a backbone's feature maps to the features that the last layer sees."""

from typing import Any

import keras
import tensorflow as tf

from trainer.networks import cnns

GAP, FLATTEN = "gap", "flatten"


def pool(maps: tf.Tensor, name: str) -> tf.Tensor:
    """Returns the features of maps [batch, height, width, channels], a vector for each example.

    Args:
      maps: or vectors already, which stay as they are.
      name: `gap` for the mean over height and width, `flatten` for all values one after another.
    """
    if len(maps.shape) == 2:
        return maps
    if name == FLATTEN:
        return tf.reshape(maps, [-1, num_features(maps.shape, name)])
    return tf.reduce_mean(maps, axis=[1, 2])


def num_features(shape: Any, name: str) -> int:
    """Returns the number of features that `pool` makes of maps of this shape."""
    if len(shape) == 2 or name == GAP:
        return int(shape[-1])
    return int(shape[1] * shape[2] * shape[3])


class Hidden(keras.layers.Layer):
    """Dense layers with ReLU: float [batch, features] -> [batch, the last of `units`].

    Args:
      units: of each layer; none leaves the features as they are.
      batch_norm: whether each layer is followed by a batch norm.
    """

    def __init__(self, units: tuple[int, ...], *, batch_norm: bool, **options: Any):
        super().__init__(**options)
        self._dense = [keras.layers.Dense(count, activation="relu") for count in units]
        self.norms = [cnns.batch_norm() for _ in units] if batch_norm else []

    def build(self, input_shape: tuple[int | None, int]) -> None:
        """Makes the weights."""
        shape = input_shape
        for index, dense in enumerate(self._dense):
            dense.build(shape)
            shape = (None, dense.units)
            if self.norms:
                self.norms[index].build(shape)

    def call(self, features: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns what the last layer of all sees."""
        for index, dense in enumerate(self._dense):
            features = dense(features)
            if self.norms:
                features = self.norms[index](features, training=training)
        return features

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns the shape of the last layer's output."""
        return (input_shape[0], self._dense[-1].units) if self._dense else input_shape
