import numpy as np
import pytest
import tensorflow as tf
from keras.src.legacy.preprocessing import image as keras_image
from PIL import Image, ImageEnhance

from trainer.augment import light


def _images(count=2):
    return np.random.default_rng(0).integers(0, 256, (count, 16, 16, 3), dtype=np.uint8)


@pytest.mark.parametrize("factor", [0.3, 1.0, 1.7])
def test_brightness_is_that_of_keras_image_data_generator(factor):
    images = _images()
    expected = keras_image.apply_brightness_shift(images[0].astype(np.float32), factor, False)
    found = light.brightness(tf.constant(images), factor=factor).numpy()
    assert found.dtype == np.uint8
    assert np.abs(found[0] - expected).max() <= 1  # Pillow rounds down


@pytest.mark.parametrize(
    ("change", "of_pillow"),
    [(light.contrast, ImageEnhance.Contrast), (light.saturation, ImageEnhance.Color)],
)
@pytest.mark.parametrize("factor", [0.0, 0.6, 1.4])
def test_contrast_and_saturation_are_those_of_pillow(change, of_pillow, factor):
    images = _images()
    expected = np.asarray(of_pillow(Image.fromarray(images[1])).enhance(factor)).astype(int)
    found = change(tf.constant(images), factor=factor).numpy()[1]
    assert np.abs(found - expected).max() <= 1


def test_hue_turns_red_over_yellow_to_green_and_keeps_the_luma():
    red = tf.constant(np.full((1, 2, 2, 3), [120, 60, 60], np.float32))
    (yellow,) = light.hue(red, degrees=40.0).numpy()[:, 0, 0]
    (green,) = light.hue(red, degrees=120.0).numpy()[:, 0, 0]
    assert yellow[1] > yellow[2]
    assert green.argmax() == 1
    for turned in (yellow, green):
        assert turned @ np.array(light.LUMA) == pytest.approx(77.94, abs=0.01)


def test_a_whole_turn_of_the_hue_comes_back():
    images = tf.cast(_images(), tf.float32) / 4 + 96
    there = light.hue(images, degrees=tf.constant([130.0, -70.0]))
    assert not np.allclose(there, images, atol=5)
    back = light.hue(there, degrees=tf.constant([230.0, 70.0]))
    assert back.numpy() == pytest.approx(images.numpy(), abs=0.01)


def test_values_stay_within_0_and_255():
    for change in (light.brightness, light.contrast, light.saturation):
        found = change(tf.cast(_images(), tf.float32), factor=5.0).numpy()
        assert (found.min(), found.max()) == (0, 255) or change is light.brightness
        assert found.max() == 255
