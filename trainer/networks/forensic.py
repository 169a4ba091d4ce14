"""A network that looks at what generators leave: fixed high-pass filters before a small CNN.

A picture's content lies in low and its history in high frequencies. The filters are three of the
spatial rich model (Fridrich and Kodovsky 2012, doi:10.1109/TIFS.2012.2190402), as Zhou et al. 2018
(arXiv:1805.04953) put them before a network.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainer.networks import cnns

TRUNCATION = 8  # of 255

# Of second order around a pixel, of higher order around it, and of second order along a line.
SRM = (
    np.array(
        [
            [0, 0, 0, 0, 0],
            [0, -1, 2, -1, 0],
            [0, 2, -4, 2, 0],
            [0, -1, 2, -1, 0],
            [0, 0, 0, 0, 0],
        ]
    )
    / 4,
    np.array(
        [
            [-1, 2, -2, 2, -1],
            [2, -6, 8, -6, 2],
            [-2, 8, -12, 8, -2],
            [2, -6, 8, -6, 2],
            [-1, 2, -2, 2, -1],
        ]
    )
    / 12,
    np.array(
        [
            [0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0],
            [0, 1, -2, 1, 0],
            [0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0],
        ]
    )
    / 2,
)


class HighPass(keras.layers.Layer):
    """Pixels in [0, 255] [batch, height, width, colours] -> residuals, three for each colour.

    Residuals are cut off as in the rich model, so that edges do not drown what is faint, and lie
    in [-2, 2]. The filters are constants and never train.
    """

    def call(self, pixels: tf.Tensor) -> tf.Tensor:
        """Returns the residuals; the border is reflected."""
        filters = np.repeat(np.stack(SRM, axis=-1)[:, :, None], pixels.shape[-1], axis=2)
        padded = tf.pad(pixels, [[0, 0], [2, 2], [2, 2], [0, 0]], mode="REFLECT")
        residuals = tf.nn.depthwise_conv2d(
            padded, tf.constant(filters, pixels.dtype), strides=[1, 1, 1, 1], padding="VALID"
        )
        return tf.clip_by_value(residuals, -TRUNCATION, TRUNCATION) * (2 / TRUNCATION)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns the shape of the residuals."""
        return (*input_shape[:-1], len(SRM) * input_shape[-1])


def network(input_shape: tuple[int, int, int]) -> keras.Model:
    """Residuals and four blocks: from pixels in [0, 255] to feature maps; 99 thousand weights."""
    inputs = keras.Input(input_shape)
    # In float32: half precision would round the residuals of bright pixels away.
    residuals = HighPass(dtype="float32")(inputs)
    return keras.Model(inputs, cnns.blocks(residuals), name="forensic")
