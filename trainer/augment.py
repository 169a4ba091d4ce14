"""Random changes of training images, as pure functions of an image and uniform numbers.

The numbers come with each example from (seed, epoch, position), so that an image is changed alike
on any number of replicas and after a resume. All runs on the device, on whole batches.
"""

import tensorflow as tf

NOISE = 3  # uniform numbers that an example needs
MAX_SHIFT = 1 / 16  # of the image's side


def flip_crop(images: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Flips half of the images and moves each by up to a sixteenth of its side.

    It is the crop from a reflected border of He et al. 2016 (arXiv:1512.03385, 4.2), at the size
    of the image. No pixel is resampled.

    Args:
      images: [batch, size, size, 3], of any type.
      noise: uniform in [0, 1), float32 [batch, NOISE]: flip, vertical shift, horizontal shift.

    Returns:
      Images of the same shape and type.
    """
    size = images.shape[1]
    reach = int(size * MAX_SHIFT)
    shifts = tf.cast(tf.floor(noise[:, 1:3] * (2 * reach + 1)), tf.int32) - reach
    rows = _reflect(tf.range(size) + shifts[:, :1], size)
    columns = _reflect(tf.range(size) + shifts[:, 1:], size)
    columns = tf.where(noise[:, :1] < 0.5, columns, columns[:, ::-1])
    moved = tf.gather(images, rows, axis=1, batch_dims=1)
    return tf.gather(moved, columns, axis=2, batch_dims=1)


def _reflect(index: tf.Tensor, size: int) -> tf.Tensor:
    """Mirrors indices below 0 or from `size` on at the border, which is not repeated."""
    index = tf.abs(index)
    return tf.where(index < size, index, 2 * (size - 1) - index)


POLICIES = {"flip_crop": flip_crop, "none": lambda images, noise: images}
