"""How bright, contrasted and colourful images are: the meaning of Pillow's `ImageEnhance`."""

import math

import tensorflow as tf

from trainer.augment import pixels

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as JPEG and Pillow have it
RED_SCALE, BLUE_SCALE = 0.877, 0.493  # of R-Y and B-Y, in YUV


def brightness(images: tf.Tensor, *, factor: tf.Tensor | float) -> tf.Tensor:
    """Multiplies images, as the `brightness_range` of Keras' `ImageDataGenerator` does.

    Args:
      images: [batch, height, width, 3], of any type; values from 0 to 255.
      factor: 0 (black) upwards, [batch] or one for all; 1 changes nothing.

    Returns:
      Images of the same shape and type.
    """
    factors = pixels.over_pixels(pixels.per_image(factor, images))
    return pixels.like(pixels.as_float(images) * factors, images.dtype)


def contrast(images: tf.Tensor, *, factor: tf.Tensor | float) -> tf.Tensor:
    """Moves the values away from the image's mean grey, or towards it.

    Args:
      images: [batch, height, width, 3], of any type; values from 0 to 255.
      factor: 0 (grey) upwards, [batch] or one for all; 1 changes nothing.

    Returns:
      Images of the same shape and type.
    """
    values = pixels.as_float(images)
    # Rounded, as in Pillow, and so the same in whatever order the pixels are added up.
    mean = tf.round(tf.reduce_mean(_grey(values), axis=(1, 2, 3), keepdims=True))
    factors = pixels.over_pixels(pixels.per_image(factor, images))
    return pixels.like(values * factors + mean * (1 - factors), images.dtype)


def saturation(images: tf.Tensor, *, factor: tf.Tensor | float) -> tf.Tensor:
    """Moves the values away from the pixel's own grey, or towards it.

    Args:
      images: [batch, height, width, 3], RGB of any type; values from 0 to 255.
      factor: 0 (without colour) upwards, [batch] or one for all; 1 changes nothing.

    Returns:
      Images of the same shape and type.
    """
    values = pixels.as_float(images)
    factors = pixels.over_pixels(pixels.per_image(factor, images))
    return pixels.like(values * factors + _grey(values) * (1 - factors), images.dtype)


def hue(images: tf.Tensor, *, degrees: tf.Tensor | float) -> tf.Tensor:
    """Turns the colours about grey, and keeps each pixel's luma.

    Args:
      images: [batch, height, width, 3], RGB of any type; values from 0 to 255.
      degrees: -180 to 180, [batch] or one for all; 0 changes nothing.

    Returns:
      Images of the same shape and type.
    """
    values = pixels.as_float(images)
    angle = pixels.per_image(degrees, images) * (math.pi / 180)
    cos = pixels.over_pixels(tf.cos(angle))
    sin = pixels.over_pixels(tf.sin(angle))
    grey = _grey(values)
    colour = values - grey
    # Hue is the angle of (R-Y, B-Y) when both are scaled as in YUV.
    red, blue = colour[..., :1] * RED_SCALE, colour[..., 2:] * BLUE_SCALE
    turned_red = (red * cos + blue * sin) / RED_SCALE
    turned_blue = (blue * cos - red * sin) / BLUE_SCALE
    green = -(LUMA[0] * turned_red + LUMA[2] * turned_blue) / LUMA[1]
    turned = tf.concat([turned_red, green, turned_blue], axis=-1)
    return pixels.like(grey + turned, images.dtype)


def _grey(values: tf.Tensor) -> tf.Tensor:
    red, green, blue = tf.split(values, 3, axis=-1)
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
