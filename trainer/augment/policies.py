"""The named policies: what happens to the images of training, as lists that one can read.

An example's numbers follow from (seed, epoch, position) alone, so that its image is changed alike
on any number of replicas, in any micro-batch and after a resume.
"""

import functools
from collections.abc import Callable

import tensorflow as tf

from trainer.augment import forensic, geometry, light

SEEDS = (0.0, float(1 << 24))
IMAGES_AT_A_TIME = 8  # of those that are chosen


class Op:
    """A change of some images, its parameters drawn evenly from ranges.

    Args:
      change: from images and parameters by name to images.
      chance: the share of images that are changed.
      compiled: whether XLA compiles what happens to batches. `geometry.affine` compiles itself what
        is slow.
      sparing: whether images that are not chosen are not computed either; worth its while where a
        change takes milliseconds an image.
      **ranges: for each parameter its lowest and highest value.
    """

    def __init__(
        self,
        change: Callable[..., tf.Tensor],
        *,
        chance: float = 1.0,
        compiled: bool = True,
        sparing: bool = False,
        **ranges: tuple[float, float],
    ):
        self._change = change
        self._chance = chance
        self._ranges = ranges
        self._sparing = sparing
        # Each op alone: of several together XLA would compute what is resampled again and again.
        self._batch_fn = (
            tf.function(self._of_batch, jit_compile=True, autograph=False)
            if compiled
            else self._of_batch
        )
        self.num_numbers = 1 + len(ranges)

    def of_image(self, image: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
        """Returns an image [height, width, 3], changed or not, by numbers [num_numbers]."""
        chosen, drawn = self._parameters(numbers)
        changed = functools.partial(self._change, image, **drawn)
        return tf.cond(chosen, changed, functools.partial(tf.identity, image))

    def of_batch(self, images: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
        """Returns images [batch, ...], some of them changed, by numbers [batch, num_numbers]."""
        return (self._of_chosen if self._sparing else self._batch_fn)(images, numbers)

    def _of_chosen(self, images: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
        """Returns what `of_batch` does; some images at a time, so that XLA meets one shape alone.

        Those of the last time are filled up with images that are not chosen, or taken again.
        """
        chosen, _ = self._parameters(numbers)
        order = tf.argsort(tf.cast(~chosen, tf.int32), stable=True)
        size = min(IMAGES_AT_A_TIME, images.shape[0])

        def change(start: tf.Tensor, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            first = tf.minimum(start, images.shape[0] - size)
            places = tf.slice(order, [first], [size])
            changed = self._batch_fn(tf.gather(images, places), tf.gather(numbers, places))
            return start + size, tf.tensor_scatter_nd_update(values, places[:, None], changed)

        count = tf.reduce_sum(tf.cast(chosen, tf.int32))
        _, values = tf.while_loop(lambda start, _: start < count, change, (0, images))
        return tf.ensure_shape(values, images.shape)

    def _of_batch(self, images: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
        chosen, drawn = self._parameters(numbers)
        changed = self._change(images, **drawn)
        if self._chance == 1:
            return changed
        return tf.where(chosen[:, None, None, None], changed, images)

    def _parameters(self, numbers: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Returns whether to change, and the parameters by name: [...] of numbers [..., n]."""
        drawn = {
            name: low + numbers[..., index] * (high - low)
            for index, (name, (low, high)) in enumerate(self._ranges.items(), start=1)
        }
        return numbers[..., 0] < self._chance, drawn


class Policy:
    """The changes of a training image, in their order.

    Args:
      while_decoding: for one image at a time, on the host.
      on_device: for whole batches.
    """

    def __init__(self, while_decoding: tuple[Op, ...] = (), on_device: tuple[Op, ...] = ()):
        self.while_decoding = while_decoding
        self.on_device = on_device
        self._for_host = sum(op.num_numbers for op in while_decoding)
        self.num_numbers = self._for_host + sum(op.num_numbers for op in on_device)

    def noise(self, seed: int, epoch: int, position: tf.Tensor) -> tf.Tensor:
        """Returns the numbers of an example, uniform in [0, 1), float32 [num_numbers]."""
        if not self.num_numbers:
            return tf.zeros([0])
        noise_seed = tf.stack([tf.cast(seed * 1_000_003 + epoch, tf.int64), position])
        return tf.random.stateless_uniform([self.num_numbers], noise_seed, alg="philox")

    def decoded(self, image: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Returns one image, uint8 [size, size, 3], as it goes to the device.

        Args:
          image: uint8 [size, size, 3].
          noise: float32 [num_numbers].
        """
        for op, numbers in _shared_out(self.while_decoding, noise):
            image = op.of_image(image, numbers)
        return image

    def __call__(self, images: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Returns a batch of images as the model sees them, of the same shape and type.

        Args:
          images: [batch, size, size, 3], of any type; values from 0 to 255.
          noise: float32 [batch, num_numbers].
        """
        for op, numbers in _shared_out(self.on_device, noise[:, self._for_host :]):
            images = op.of_batch(images, numbers)
        return images


def _shared_out(ops: tuple[Op, ...], noise: tf.Tensor) -> list[tuple[Op, tf.Tensor]]:
    """Returns each op with its own part of the numbers."""
    shares, start = [], 0
    for op in ops:
        shares.append((op, noise[..., start : start + op.num_numbers]))
        start += op.num_numbers
    return shares


FLIP_CROP = Op(
    geometry.flip_and_shift,
    left_right=(0, 1),
    shift_x=(-1 / 16, 1 / 16),
    shift_y=(-1 / 16, 1 / 16),
)

POLICIES = {
    "none": Policy(),
    "flip": Policy(on_device=(Op(geometry.flip_and_shift, left_right=(0, 1)),)),
    "flip_crop": Policy(on_device=(FLIP_CROP,)),
    # What the reference projects gave to Keras' ImageDataGenerator.
    "reference": Policy(
        on_device=(
            Op(
                geometry.affine,
                compiled=False,
                rotation=(-30, 30),
                shift_x=(-0.1, 0.1),
                shift_y=(-0.1, 0.1),
                shear=(-0.1, 0.1),
                zoom_x=(0.7, 1.3),
                zoom_y=(0.7, 1.3),
                left_right=(0, 1),
                upside_down=(0, 1),
            ),
            Op(light.brightness, factor=(0.3, 1.7)),
        ),
    ),
    "forensic": Policy(
        while_decoding=(Op(forensic.recompress, chance=0.5, quality=(30, 101)),),
        on_device=(
            FLIP_CROP,
            Op(forensic.rescale, chance=0.3, sparing=True, scale=(0.5, 1)),
            Op(forensic.blur, chance=0.3, sparing=True, sigma=(0, forensic.MAX_SIGMA)),
            Op(forensic.add_noise, chance=0.3, deviation=(0, 8), seed=SEEDS),
            Op(light.brightness, chance=0.5, factor=(0.8, 1.2)),
            Op(light.contrast, chance=0.5, factor=(0.8, 1.2)),
            Op(light.saturation, chance=0.5, factor=(0.7, 1.3)),
            Op(light.hue, chance=0.5, degrees=(-10, 10)),
            Op(
                forensic.erase,
                chance=0.2,
                area=(0.02, 0.2),
                log2_aspect=(-1.5, 1.5),
                x=(0, 1),
                y=(0, 1),
                seed=SEEDS,
            ),
        ),
    ),
}
