"""Dropout whose masks follow from (seed, position), on any number of replicas and micro-batches.

`keras.layers.Dropout` gives every replica the same mask and forgets where it was when a run is
resumed. Here each example of a step has a number of its own, and each value of each layer is kept
or dropped by a hash of that number, the layer and the value's place: nothing is stored, and an
example meets the same masks in whatever batch it is computed.

Dropout: Srivastava et al. 2014.
"""

import math
from typing import Any

import keras
import tensorflow as tf

from trainer import hashing

_MOST_VALUES = 1 << 27  # of one example in one layer; 32 layers share the 32 bits of a place


def seeds(step_seed: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
    """Returns a number for each example of a step.

    Args:
      step_seed: int64 [2], another one for each step.
      positions: int64 [batch], the examples' places in the epoch.

    Returns:
      uint32 [batch].
    """
    key = tf.random.stateless_uniform(
        [2], step_seed, minval=None, maxval=None, dtype=tf.uint32, alg="philox"
    )
    return _hash(_hash(tf.cast(positions, tf.uint32) ^ key[0]) ^ key[1])


def uniform(example_seeds: tf.Tensor, shape: list[int], salt: int) -> tf.Tensor:
    """Returns numbers in [0, 1), float32 [batch, *shape].

    Args:
      example_seeds: uint32 [batch], from `seeds`.
      shape: of what belongs to one example.
      salt: of the layer, 0 to 31; another one for each of a network.
    """
    places = tf.range(math.prod(shape), dtype=tf.int64) + salt * _MOST_VALUES
    bits = _hash(_hash(example_seeds)[:, None] + _hash(places)[None, :])
    # A float32 holds 24 bits exactly, so that none is rounded up to 1.
    numbers = tf.cast(tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32)), tf.float32)
    return tf.reshape(numbers * 2.0**-24, [-1, *shape])


def drop(values: tf.Tensor, example_seeds: tf.Tensor, rate: float, salt: int) -> tf.Tensor:
    """Returns `values` with a share of `rate` set to 0, and the others made as much larger.

    Args:
      values: floats [batch, ...].
      example_seeds: uint32 [batch], from `seeds`.
      rate: in [0, 1).
      salt: of the layer, see `uniform`.
    """
    kept = uniform(example_seeds, values.shape[1:].as_list(), salt) >= rate
    return values * tf.cast(kept, values.dtype) / (1 - rate)


class Dropout(keras.layers.Layer):
    """`drop` as a layer of a functional network: takes [values, example_seeds]."""

    def __init__(self, rate: float, salt: int, **options: Any):
        super().__init__(**options)
        self._rate = rate
        self._salt = salt

    def call(self, inputs: list[tf.Tensor], training: bool = False) -> tf.Tensor:
        """Returns the values, some of them dropped in training."""
        values, example_seeds = inputs
        if not training:
            return values
        return drop(values, example_seeds, self._rate, self._salt)

    def compute_output_shape(self, input_shape: list[Any]) -> Any:
        """Returns the shape of the values."""
        return input_shape[0]


def _hash(numbers: tf.Tensor) -> tf.Tensor:
    """Mixes the bits of numbers, of which the lowest 32 count; uint32."""
    return hashing.mix(tf.cast(numbers, tf.uint32))
