"""What images suffer on the web, and what hides the traces of a generator.

A detector that never saw such images fails on them. Which changes, and how strong, follows
CNNDetection (Wang et al. 2020, arXiv:1912.11035: blur and JPEG) and DeepfakeBench (Yan et al. 2023,
arXiv:2307.01426: noise, scale, colour).
"""

import tensorflow as tf

from trainer.augment import pixels

MAX_SIGMA = 3.0  # pixels
BLUR_RADIUS = 9  # pixels; three times the widest sigma
# Of the sum of four random bytes: its mean, and its standard deviation.
BYTES_MEAN, BYTES_DEVIATION = 510.0, (4 * (256**2 - 1) / 12) ** 0.5


def recompress(image: tf.Tensor, *, quality: tf.Tensor | float) -> tf.Tensor:
    """Stores one image as a JPEG and reads it back, as CNNDetection does. For the host alone.

    Args:
      image: [height, width, 3], of any type; values from 0 to 255.
      quality: of libjpeg, 1 to 100, a scalar; rounded down. 30 to 100 is what is met.

    Returns:
      An image of the same shape and type.
    """
    whole = tf.cast(pixels.like(pixels.as_float(image), tf.uint8), tf.uint8)
    stored = tf.image.adjust_jpeg_quality(
        whole, tf.cast(quality, tf.int32), dct_method="INTEGER_ACCURATE"
    )
    return tf.cast(tf.ensure_shape(stored, image.shape), image.dtype)


def blur(images: tf.Tensor, *, sigma: tf.Tensor | float) -> tf.Tensor:
    """Blurs images by a Gaussian, as CNNDetection does.

    Args:
      images: [batch, height, width, 3], of any type; values from 0 to 255.
      sigma: 0 to MAX_SIGMA pixels, [batch] or one for all; 0 changes nothing.

    Returns:
      Images of the same shape and type.
    """
    sigmas = tf.maximum(pixels.per_image(sigma, images), 1e-3)[:, None]
    offsets = tf.range(-BLUR_RADIUS, BLUR_RADIUS + 1)
    weights = tf.exp(-0.5 * (tf.cast(offsets, tf.float64) / sigmas) ** 2)
    weights = tf.cast(weights / tf.reduce_sum(weights, axis=1, keepdims=True), tf.float32)
    # A loop of TensorFlow: XLA would fuse the two filters to one that computes each value of the
    # first nineteen times.
    _, values = tf.while_loop(
        lambda axis, _: axis < 2,
        lambda axis, values: (axis + 1, tf.transpose(_filter_rows(values, weights), [0, 2, 1, 3])),
        (0, pixels.as_float(images)),
    )
    return pixels.like(values, images.dtype)


def _filter_rows(values: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Filters each column by weights [batch, 2 * BLUR_RADIUS + 1]; the border is reflected."""
    size = values.shape[1]
    places = pixels.inside(tf.range(-BLUR_RADIUS, size + BLUR_RADIUS), size, "reflect")
    wide = tf.gather(values, places, axis=1)
    parts = [
        wide[:, index : index + size] * weights[:, index, None, None, None]
        for index in range(weights.shape[1])
    ]
    return tf.add_n(parts)


def add_noise(
    images: tf.Tensor, *, deviation: tf.Tensor | float, seed: tf.Tensor | float
) -> tf.Tensor:
    """Adds noise that is nearly Gaussian, independent from value to value.

    It is the sum of four random bytes: whole numbers, and so the same on every device.

    Args:
      images: [batch, height, width, 3], of any type; values from 0 to 255.
      deviation: the standard deviation, 0 to 255 levels, [batch] or one for all; 0 changes nothing.
      seed: 0 to 2**24, [batch] or one for all; rounded down.

    Returns:
      Images of the same shape and type.
    """
    bits = pixels.random_bits(pixels.per_image(seed, images), images)
    total = tf.zeros(tf.shape(images), tf.uint32)
    for shift in (0, 8, 16, 24):
        total += tf.bitwise.right_shift(bits, tf.constant(shift, tf.uint32)) & 255
    noise = (tf.cast(total, tf.float32) - BYTES_MEAN) / BYTES_DEVIATION
    deviations = pixels.over_pixels(pixels.per_image(deviation, images))
    return pixels.like(pixels.as_float(images) + noise * deviations, images.dtype)


def rescale(images: tf.Tensor, *, scale: tf.Tensor | float) -> tf.Tensor:
    """Scales images down and up to their size again, as a web site and its reader do.

    Down with an anti-aliasing triangle, up bilinearly. Both are linear along each axis, so that an
    image's own scale is a matrix of its own.

    Args:
      images: [batch, height, width, 3], of any type; values from 0 to 255.
      scale: of the small image's sides, above 0 to 1, [batch] or one for all; rounded so that these
        are whole numbers of pixels. 1 changes nothing.

    Returns:
      Images of the same shape and type.
    """
    scales = pixels.per_image(scale, images)
    by_side = _down_and_up(scales, images.shape[1])
    values = tf.einsum("bij,bjwc->biwc", by_side, pixels.as_float(images))
    values = tf.einsum("bij,bhjc->bhic", by_side, values)
    return pixels.like(values, images.dtype)


def _down_and_up(scales: tf.Tensor, size: int) -> tf.Tensor:
    """Returns float32 [batch, size, size]: the values after scaling, of those before it."""
    small = tf.maximum(tf.round(scales * size), 1)[:, None, None]
    ratio = size / small
    places = tf.range(size, dtype=tf.float64)
    centres = (places + 0.5)[:, None] * ratio - 0.5  # of the small image's pixels, in the large
    down = tf.maximum(1 - tf.abs(places - centres) / ratio, 0)
    down /= tf.maximum(tf.reduce_sum(down, axis=2, keepdims=True), 1e-9)
    found = tf.clip_by_value((places + 0.5)[:, None] / ratio - 0.5, 0, small - 1)
    up = tf.maximum(1 - tf.abs(found - places), 0)
    return tf.cast(up, tf.float32) @ tf.cast(down, tf.float32)


def erase(
    images: tf.Tensor,
    *,
    area: tf.Tensor | float,
    log2_aspect: tf.Tensor | float,
    x: tf.Tensor | float,
    y: tf.Tensor | float,
    seed: tf.Tensor | float,
) -> tf.Tensor:
    """Replaces a rectangle by random values (Zhong et al. 2020, arXiv:1708.04896).

    All parameters are [batch], or one for all.

    Args:
      images: [batch, height, width, 3], of any type; values from 0 to 255.
      area: the rectangle's share of the image, 0 to 1; 0 changes nothing.
      log2_aspect: -2 to 2: 1 is twice as wide as high.
      x: 0 (at the left border) to 1 (at the right one).
      y: 0 (at the top) to 1 (at the bottom).
      seed: 0 to 2**24; rounded down.

    Returns:
      Images of the same shape and type.
    """
    height, width = images.shape[1:3]
    side = tf.sqrt(pixels.per_image(area, images))
    stretch = 2.0 ** (pixels.per_image(log2_aspect, images) / 2)
    rows = _span(side / stretch, pixels.per_image(y, images), height)
    columns = _span(side * stretch, pixels.per_image(x, images), width)
    erased = (rows[:, :, None] & columns[:, None, :])[..., None]
    bits = pixels.random_bits(pixels.per_image(seed, images), images)
    values = tf.cast(tf.bitwise.right_shift(bits, tf.constant(24, tf.uint32)), tf.float32)
    return pixels.like(tf.where(erased, values, pixels.as_float(images)), images.dtype)


def _span(share: tf.Tensor, place: tf.Tensor, size: int) -> tf.Tensor:
    """Tells which places lie in a stretch of a share of the size, bool [batch, size]."""
    length = tf.round(tf.minimum(share, 1.0) * size)[:, None]
    start = tf.round(place[:, None] * (size - length))
    places = tf.range(size, dtype=tf.float64)
    return (places >= start) & (places < start + length)
