import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf
from keras.src.legacy.preprocessing import image as keras_image

from trainer.augment import geometry


def _painted(count=1, size=16):
    """Each value tells its row and column; the channels and images differ."""
    values = np.arange(size * size).reshape(1, size, size, 1) % 256
    images = values + np.arange(3) * 5 + np.arange(count)[:, None, None, None] * 11
    return (images % 256).astype(np.uint8)


def _smooth(size=48):
    """A picture without edges, in which interpolation is nearly exact."""
    y, x = np.mgrid[:size, :size] / size
    waves = [np.sin(5 * x + 2 * y), np.cos(4 * y - x), np.sin(3 * x * y + 1)]
    return (127.5 + 120 * np.stack(waves, axis=-1)).astype(np.float32)[None]


def _moved(images=None, **parameters):
    images = _painted() if images is None else images
    return geometry.flip_and_shift(tf.constant(images), **parameters).numpy()


def test_an_image_can_stay_as_it_is():
    moved = _moved(left_right=0.49)
    assert moved.dtype == np.uint8
    assert np.array_equal(moved, _painted())


def test_a_flip_is_from_left_to_right():
    assert np.array_equal(_moved(left_right=0.5), _painted()[:, :, ::-1])


@pytest.mark.parametrize(
    ("share", "first", "last"), [(-1 / 16, [0, 0, 1], [13, 14]), (1 / 16, [1, 2, 3], [15, 15])]
)
def test_a_shift_is_by_whole_pixels_and_reflects_at_the_border(share, first, last):
    rows = _moved(shift_y=share)[0, :, 0, 0] // 16
    columns = _moved(shift_x=share)[0, 0, :, 0]
    for places in (rows, columns):
        assert places[:3].tolist() == first
        assert places[-2:].tolist() == last


def test_flip_and_shifts_together():
    rows = [*range(1, 16), 15]
    columns = [0, *range(15)][::-1]
    moved = _moved(left_right=1, shift_x=-1 / 16, shift_y=1 / 16)
    assert np.array_equal(moved[0], _painted()[0][rows][:, columns])


def test_each_image_has_its_own_parameters():
    images = _painted(3)
    parameters = {"left_right": [0, 0.9, 0], "shift_y": [0, 0, 1 / 16]}
    together = _moved(images, **{name: tf.constant(v) for name, v in parameters.items()})
    for index in range(3):
        own = {name: values[index] for name, values in parameters.items()}
        assert np.array_equal(together[index : index + 1], _moved(images[index : index + 1], **own))


# Ours, and the same as Keras' generator calls it: shifts in pixels, flips afterwards.
CASES = [
    ({"rotation": 30}, {"theta": 30}),
    ({"shift_x": 0.125}, {"tx": 6}),
    ({"shift_y": -0.125}, {"ty": -6}),
    ({"shear": 20}, {"shear": 20}),
    ({"zoom_x": 0.7}, {"zx": 0.7}),
    ({"zoom_y": 1.3}, {"zy": 1.3}),
    (
        {
            "rotation": -25,
            "shift_x": 0.1,
            "shift_y": 0.05,
            "shear": 9,
            "zoom_x": 1.2,
            "zoom_y": 0.8,
        },
        {"theta": -25, "tx": 4.8, "ty": 2.4, "shear": 9, "zx": 1.2, "zy": 0.8},
    ),
]


@pytest.fixture
def keras_calls(monkeypatch):
    """What Keras' generator hands to SciPy, whose old names it uses."""
    calls = []

    def note(image, matrix, offset, **options):
        calls.append((matrix, offset))
        return scipy.ndimage.affine_transform(image, matrix, offset, **options)

    class Interpolation:
        affine_transform = staticmethod(note)

    class Ndimage:
        interpolation = Interpolation

    class Scipy:
        ndimage = Ndimage

    monkeypatch.setattr(keras_image, "scipy", Scipy)
    return calls


@pytest.mark.parametrize(("parameters", "of_keras"), CASES)
def test_the_matrix_is_that_of_keras_image_data_generator(parameters, of_keras, keras_calls):
    images = _smooth()
    keras_image.apply_affine_transform(
        images[0], channel_axis=2, row_axis=0, col_axis=1, **of_keras
    )
    matrix, offset = keras_calls[0]  # of (row, column)
    found = geometry.matrices(images, **parameters).numpy()[0]
    assert found[::-1, [1, 0]] == pytest.approx(matrix, abs=1e-5)
    assert found[::-1, 2] == pytest.approx(offset, abs=1e-4)


@pytest.mark.parametrize("fill", ["nearest", "reflect"])
@pytest.mark.parametrize(("parameters", "of_keras"), CASES)
def test_the_pixels_are_those_of_keras_and_scipy(parameters, of_keras, fill, keras_calls):
    image = _smooth()
    expected = keras_image.apply_affine_transform(
        image[0], channel_axis=2, row_axis=0, col_axis=1, fill_mode=fill, **of_keras
    )
    found = geometry.affine(tf.constant(image), fill=fill, **parameters).numpy()[0]
    assert np.abs(found - image[0]).max() > 5
    assert found == pytest.approx(expected, abs=0.05)


def test_flips_come_after_the_rest_as_in_keras():
    images = tf.constant(_smooth())
    rest = {"rotation": 20.0, "shift_x": 0.1, "zoom_y": 0.8}
    plain = geometry.affine(images, **rest).numpy()
    sideways = geometry.affine(images, left_right=1.0, **rest).numpy()
    overhead = geometry.affine(images, upside_down=1.0, **rest).numpy()
    assert sideways == pytest.approx(plain[:, :, ::-1], abs=0.01)
    assert overhead == pytest.approx(plain[:, ::-1], abs=0.01)


@pytest.mark.parametrize("dtype", [tf.uint8, tf.float32])
def test_without_parameters_no_pixel_changes(dtype):
    images = tf.cast(_painted(2), dtype)
    found = geometry.affine(images)
    assert found.dtype == dtype
    assert np.array_equal(found, images)


def test_an_unknown_fill_is_named():
    with pytest.raises(ValueError, match="one of nearest, reflect. Received: 'wrap'"):
        geometry.affine(tf.constant(_painted()), fill="wrap")
