import io

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf
from PIL import Image

from trainer.augment import forensic


def _images(count=2, size=32):
    """Something between noise and a picture: it has detail, and not only that."""
    noise = np.random.default_rng(0).integers(0, 256, (count, size, size, 3))
    smooth = scipy.ndimage.gaussian_filter(noise.astype(float), (0, 2, 2, 0)) * 3 - 256
    return np.clip((noise + 2 * smooth) / 3, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("sigma", [0.5, 1.5, 3.0])
def test_a_blur_is_that_of_scipy(sigma):
    images = _images().astype(np.float32)
    expected = scipy.ndimage.gaussian_filter(images, (0, sigma, sigma, 0), mode="reflect")
    found = forensic.blur(tf.constant(images), sigma=sigma).numpy()
    assert found == pytest.approx(expected, abs=0.6)
    assert np.abs(found - images).max() > 5


def test_the_smallest_images_can_be_blurred():
    grey = tf.fill([1, 8, 8, 3], tf.constant(90, tf.uint8))
    assert np.array_equal(forensic.blur(grey, sigma=3.0), grey)


def test_noise_has_its_deviation_and_no_bias():
    grey = tf.fill([2, 64, 64, 3], 128.0)
    found = forensic.add_noise(grey, deviation=tf.constant([4.0, 8.0]), seed=5.0).numpy() - 128
    assert found.std(axis=(1, 2, 3)) == pytest.approx([4, 8], rel=0.03)
    assert np.abs(found.mean(axis=(1, 2, 3))).max() < 0.2
    # Neighbours in each direction, and channels, know nothing of each other.
    for a, b in (
        (found[:, 1:], found[:, :-1]),
        (found[:, :, 1:], found[:, :, :-1]),
        (found[..., 1:], found[..., :-1]),
    ):
        assert abs(np.corrcoef(a[0].ravel(), b[0].ravel())[0, 1]) < 0.03


def test_another_seed_is_another_noise_and_the_same_the_same():
    grey = tf.fill([3, 32, 32, 3], 128.0)
    seeds = tf.constant([7.0, 8.0, 7.0])
    found = forensic.add_noise(grey, deviation=8.0, seed=seeds).numpy()
    assert np.array_equal(found[0], found[2])
    assert abs(np.corrcoef(found[0].ravel(), found[1].ravel())[0, 1]) < 0.06


@pytest.mark.parametrize("small", [8, 17, 24])
def test_scaling_down_and_up_is_that_of_tensorflow(small):
    images = _images().astype(np.float32)
    down = tf.image.resize(images, [small, small], antialias=True)
    expected = tf.image.resize(down, [32, 32]).numpy()
    found = forensic.rescale(tf.constant(images), scale=small / 32).numpy()
    assert found == pytest.approx(expected, abs=0.1)
    assert np.abs(found - images).max() > 5


def _erased(**changes):
    parameters = {"area": 0.25, "log2_aspect": 0.0, "x": 0.0, "y": 1.0, "seed": 3.0, **changes}
    black = tf.zeros([1, 32, 32, 3], tf.uint8)
    return forensic.erase(black, **parameters).numpy()[0].max(axis=-1)


def test_a_quarter_is_erased_where_it_was_told():
    found = _erased()
    assert found[:16].max() == 0
    assert found[:, 16:].max() == 0
    assert (found[16:, :16] > 0).all()


def test_the_aspect_makes_what_is_erased_wide():
    found = _erased(log2_aspect=2.0, x=0.5, y=0.5)
    rows, columns = np.nonzero(found)
    assert (rows.min(), rows.max()) == (12, 19)
    assert (columns.min(), columns.max()) == (0, 31)


def test_recompressing_costs_more_the_lower_the_quality():
    image = _images()[0]
    losses = []
    for quality in (100, 75, 30):
        found = forensic.recompress(tf.constant(image), quality=float(quality)).numpy()
        assert found.dtype == np.uint8
        losses.append(np.abs(found.astype(int) - image).mean())
    assert losses[0] < losses[1] < losses[2]


def test_recompressing_is_that_of_pillow():
    image, buffer = _images()[0], io.BytesIO()
    Image.fromarray(image).save(buffer, format="JPEG", quality=50)
    expected = np.asarray(Image.open(buffer)).astype(int)
    found = forensic.recompress(tf.constant(image), quality=50.9).numpy()
    assert np.abs(found - expected).mean() < 1


@pytest.mark.parametrize("dtype", [tf.uint8, tf.float32])
@pytest.mark.parametrize(
    ("change", "parameters"),
    [
        (forensic.blur, {"sigma": 0.0}),
        (forensic.add_noise, {"deviation": 0.0, "seed": 9.0}),
        (forensic.rescale, {"scale": 1.0}),
        (
            forensic.erase,
            {"area": 0.0, "log2_aspect": 1.0, "x": 0.5, "y": 0.5, "seed": 1.0},
        ),
    ],
)
def test_there_are_parameters_that_change_nothing(change, parameters, dtype):
    images = tf.cast(_images(), dtype)
    found = change(images, **parameters)
    assert found.dtype == dtype
    assert np.array_equal(found, images)
