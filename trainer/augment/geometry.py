"""Where pixels go: flips, shifts by whole pixels, and affine transforms.

`affine` takes its parameters in the meaning and units of Keras' `ImageDataGenerator`, which the
reference projects trained with. There each image is resampled by SciPy; here whole batches are,
as gathers that XLA compiles.
"""

import math

import tensorflow as tf

from trainer.augment import pixels


def flip_and_shift(
    images: tf.Tensor,
    *,
    left_right: tf.Tensor | float = 0.0,
    shift_x: tf.Tensor | float = 0.0,
    shift_y: tf.Tensor | float = 0.0,
) -> tf.Tensor:
    """Flips and moves images by whole pixels, so that none is resampled.

    It is the crop from a padded image of He et al. 2016 (arXiv:1512.03385, 4.2), at the size of
    the image; what comes in at the border is reflected.

    Args:
      images: [batch, height, width, 3], of any type.
      left_right: flipped where it is at least 0.5; [batch] or one for all, as all below.
      shift_x: to the left, as a share of the width, -1 to 1; rounded to whole pixels.
      shift_y: upwards, as a share of the height.

    Returns:
      Images of the same shape and type.
    """
    height, width = images.shape[1:3]
    rows = _moved(pixels.per_image(shift_y, images), height)
    columns = _moved(pixels.per_image(shift_x, images), width)
    flipped = pixels.per_image(left_right, images) >= 0.5
    columns = tf.where(flipped[:, None], columns[:, ::-1], columns)
    images = tf.gather(images, rows, axis=1, batch_dims=1)
    return tf.gather(images, columns, axis=2, batch_dims=1)


def _moved(shift: tf.Tensor, size: int) -> tf.Tensor:
    places = tf.range(size) + tf.cast(tf.round(shift * size), tf.int32)[:, None]
    return pixels.inside(places, size, "reflect")


def affine(
    images: tf.Tensor, *, fill: str = "nearest", **parameters: tf.Tensor | float
) -> tf.Tensor:
    """Rotates, moves, shears, zooms and flips images, with bilinear interpolation.

    Args:
      images: [batch, height, width, 3], of any type; values from 0 to 255.
      fill: what lies beyond the border: `nearest`, or `reflect` with the border repeated.
      **parameters: of `matrices`.

    Returns:
      Images of the same shape and type.
    """
    return warp(images, matrices(images, **parameters), fill)


def matrices(
    images: tf.Tensor,
    *,
    rotation: tf.Tensor | float = 0.0,
    shift_x: tf.Tensor | float = 0.0,
    shift_y: tf.Tensor | float = 0.0,
    shear: tf.Tensor | float = 0.0,
    zoom_x: tf.Tensor | float = 1.0,
    zoom_y: tf.Tensor | float = 1.0,
    left_right: tf.Tensor | float = 0.0,
    upside_down: tf.Tensor | float = 0.0,
) -> tf.Tensor:
    """Returns for each image the matrix from a place in the result to its place in the image.

    The order is that of Keras' `ImageDataGenerator`: rotation, shift, shear, zoom, each about the
    middle of the image, and then the flips. All parameters are [batch], or one for all.

    Args:
      images: [batch, height, width, 3]; their shape alone is of interest.
      rotation: degrees, -180 to 180.
      shift_x: a share of the width, -1 to 1.
      shift_y: a share of the height, -1 to 1.
      shear: degrees, -90 to 90 without the ends.
      zoom_x: the part of the width that is seen, above 0: below 1 enlarges, above 1 shrinks.
      zoom_y: the part of the height that is seen, above 0.
      left_right: flipped where it is at least 0.5.
      upside_down: flipped where it is at least 0.5.

    Returns:
      float32 [batch, 2, 3], from (x, y, 1) to (x, y) in pixels.
    """
    height, width = images.shape[1:3]

    def of(parameter: tf.Tensor | float) -> tf.Tensor:
        return pixels.per_image(parameter, images)

    angle, slant = of(rotation) * (math.pi / 180), of(shear) * (math.pi / 180)
    cos, sin = tf.cos(angle), tf.sin(angle)
    scale_x = of(zoom_x) * tf.where(of(left_right) >= 0.5, of(-1.0), of(1.0))
    scale_y = of(zoom_y) * tf.where(of(upside_down) >= 0.5, of(-1.0), of(1.0))
    move_x, move_y = of(shift_x) * width, of(shift_y) * height
    xx, xy = cos * scale_x, (-cos * tf.sin(slant) - sin * tf.cos(slant)) * scale_y
    yx, yy = sin * scale_x, (-sin * tf.sin(slant) + cos * tf.cos(slant)) * scale_y
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    x = middle_x - xx * middle_x - xy * middle_y + cos * move_x - sin * move_y
    y = middle_y - yx * middle_x - yy * middle_y + sin * move_x + cos * move_y
    rows = tf.stack([tf.stack([xx, xy, x], axis=-1), tf.stack([yx, yy, y], axis=-1)], axis=1)
    return tf.cast(rows, tf.float32)


# Compiled it is ten times as fast. `matrices` stay outside: XLA would reckon them, sines and all,
# again for each pixel.
@tf.function(jit_compile=True, autograph=False)
def warp(images: tf.Tensor, transforms: tf.Tensor, fill: str) -> tf.Tensor:
    """Returns images whose pixels come from where `transforms` say, between pixels by both axes.

    Args:
      images: [batch, height, width, channels], of any type; values from 0 to 255.
      transforms: float32 [batch, 2, 3], from (x, y, 1) of the result to (x, y) of the image.
      fill: `nearest` or `reflect`.
    """
    height, width, channels = images.shape[1:]
    y, x = tf.meshgrid(tf.range(float(height)), tf.range(float(width)), indexing="ij")
    t = transforms[:, :, :, None, None]
    from_x = t[:, 0, 0] * x + t[:, 0, 1] * y + t[:, 0, 2]
    from_y = t[:, 1, 0] * x + t[:, 1, 1] * y + t[:, 1, 2]
    left, top = tf.floor(from_x), tf.floor(from_y)
    right_weight, lower_weight = (from_x - left)[..., None], (from_y - top)[..., None]
    columns = [pixels.inside(tf.cast(left, tf.int32) + i, width, fill) for i in (0, 1)]
    rows = [pixels.inside(tf.cast(top, tf.int32) + i, height, fill) for i in (0, 1)]
    flat = tf.reshape(images, [-1, height * width, channels])

    def at(row: tf.Tensor, column: tf.Tensor) -> tf.Tensor:
        places = tf.reshape(row * width + column, [-1, height * width])
        found = tf.gather(flat, places, axis=1, batch_dims=1)
        return pixels.as_float(tf.reshape(found, [-1, height, width, channels]))

    upper, lower = (
        at(row, columns[0]) * (1 - right_weight) + at(row, columns[1]) * right_weight
        for row in rows
    )
    return pixels.like(upper * (1 - lower_weight) + lower * lower_weight, images.dtype)
