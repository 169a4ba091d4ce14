"""What the changes share: pixels as numbers, parameters per image, places beyond the border."""

import tensorflow as tf

from trainer import hashing

FILLS = ("nearest", "reflect")


def as_float(images: tf.Tensor) -> tf.Tensor:
    """Returns the images as float32, in which all changes reckon."""
    return tf.cast(images, tf.float32)


def like(images: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Returns float32 images within 0 and 255 as `dtype`; rounded, if that is a whole number."""
    images = tf.clip_by_value(images, 0.0, 255.0)
    return tf.cast(tf.round(images) if dtype.is_integer else images, dtype)


def per_image(parameter: tf.Tensor | float, images: tf.Tensor) -> tf.Tensor:
    """Returns a parameter as float64 [batch], whether it was given per image or once.

    In float64 what is computed from it is the same after rounding to float32, whatever the size of
    the batch: sines and exponentials differ in their last bit between vectors and their rest.
    """
    return tf.broadcast_to(tf.cast(parameter, tf.float64), images.shape[:1])


def over_pixels(parameter: tf.Tensor) -> tf.Tensor:
    """Returns float32 [batch, 1, 1, 1] of [batch], to stand beside the pixels."""
    return tf.cast(parameter, tf.float32)[:, None, None, None]


def inside(index: tf.Tensor, size: int, fill: str) -> tf.Tensor:
    """Returns the places within 0 and size - 1 from which those beyond the border are filled.

    Args:
      index: whole numbers of any size, int32.
      size: the number of places.
      fill: `nearest`: a a | a b c | c c, or `reflect`: b a | a b c | c b.
    """
    if fill == "nearest":
        return tf.clip_by_value(index, 0, size - 1)
    if fill == "reflect":
        index = tf.math.floormod(index, 2 * size)
        return tf.minimum(index, 2 * size - 1 - index)
    raise ValueError(f"fill must be one of {', '.join(FILLS)}. Received: {fill!r}.")


def random_bits(seed: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """Returns 32 random bits for each value of the images, uint32 of their shape.

    They follow from the seed and the value's place alone, see `hashing`.

    Args:
      seed: whole numbers from 0 to 2**24, one per image, float [batch].
      images: [batch, height, width, channels].
    """
    height, width, channels = images.shape[1:]
    count = tf.cast(tf.range(height * width * channels), tf.uint32)
    of_image = hashing.mix(
        tf.cast(tf.cast(seed, tf.int64), tf.uint32) * tf.constant(0x9E3779B9, tf.uint32)
    )
    bits = hashing.mix(hashing.mix(count[None] + of_image[:, None]) ^ of_image[:, None])
    return tf.reshape(bits, [-1, height, width, channels])
