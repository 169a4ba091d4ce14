import numpy as np
import pytest
import tensorflow as tf

from trainer import augment

STAY = 0.5  # of three shifts -1, 0 and 1 at 16 px
BACK = 0.0  # the pixel before, so that the picture moves down or to the right
ON = 0.99  # the pixel behind


def _images(count=1, size=16):
    """Each value tells its row and column; the channels and images differ."""
    values = np.arange(size * size).reshape(1, size, size, 1) % 256
    images = values + np.arange(3) * 5 + np.arange(count)[:, None, None, None] * 11
    return tf.constant(images % 256, tf.uint8)


def _moved(flip, vertical, horizontal, images=None):
    images = _images() if images is None else images
    return augment.flip_crop(images, tf.constant([[flip, vertical, horizontal]])).numpy()


@pytest.mark.parametrize("flip", [0.0, 0.49])
def test_an_image_can_stay_as_it_is(flip):
    moved = _moved(flip, STAY, STAY)
    assert moved.dtype == np.uint8
    assert np.array_equal(moved, _images())


@pytest.mark.parametrize("flip", [0.5, 0.99])
def test_a_flip_is_from_left_to_right(flip):
    assert np.array_equal(_moved(flip, STAY, STAY), _images().numpy()[:, :, ::-1])


@pytest.mark.parametrize(
    ("noise", "first", "last"), [(BACK, [1, 0, 1], [13, 14]), (ON, [1, 2, 3], [15, 14])]
)
def test_a_shift_reflects_at_the_border_which_is_not_repeated(noise, first, last):
    rows = _moved(0, noise, STAY)[0, :, 0, 0] // 16
    columns = _moved(0, STAY, noise)[0, 0, :, 0]
    for places in (rows, columns):
        assert places[:3].tolist() == first
        assert places[-2:].tolist() == last


def test_flip_and_shifts_together():
    image = _images().numpy()[0]
    rows = [*range(1, 16), 14]
    columns = [1, *range(15)][::-1]
    assert np.array_equal(_moved(0.7, ON, BACK)[0], image[rows][:, columns])


def test_the_furthest_shift_is_a_sixteenth_of_the_side():
    image = np.broadcast_to(np.arange(64, dtype=np.uint8)[:, None, None], (1, 64, 64, 3))
    starts = [
        int(_moved(0, noise, STAY, tf.constant(image))[0, 32, 0, 0]) - 32
        for noise in np.linspace(0, 0.999, 50)
    ]
    assert sorted(set(starts)) == list(range(-4, 5))


def test_each_image_has_its_own_noise():
    images = _images(3)
    noise = tf.constant([[0, STAY, STAY], [0.9, STAY, STAY], [0, ON, STAY]], tf.float32)
    together = augment.flip_crop(images, noise).numpy()
    for index in range(3):
        alone = augment.flip_crop(images[index : index + 1], noise[index : index + 1])
        assert np.array_equal(together[index], alone[0])


def test_eager_in_a_map_and_in_a_replica_are_the_same(two_devices):
    images = _images(8)
    noise = tf.constant(np.random.default_rng(0).random((8, augment.NOISE)), tf.float32)
    eager = augment.flip_crop(images, noise).numpy()
    batches = tf.data.Dataset.from_tensor_slices((images, noise)).batch(8, drop_remainder=True)
    mapped = next(iter(batches.map(augment.flip_crop))).numpy()
    traced = tf.function(lambda *args: two_devices.run(augment.flip_crop, args=args))
    (batch,) = two_devices.experimental_distribute_dataset(batches)
    parts = two_devices.experimental_local_results(traced(*batch))
    assert not np.array_equal(eager, images)
    assert np.array_equal(mapped, eager)
    assert [part.shape[0] for part in parts] == [4, 4]
    assert np.array_equal(np.concatenate(parts), eager)


def test_no_augmentation_changes_nothing():
    images = _images(2)
    assert augment.POLICIES["none"](images, tf.zeros([2, augment.NOISE])) is images
    assert augment.POLICIES["flip_crop"] is augment.flip_crop
