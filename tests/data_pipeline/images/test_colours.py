import numpy as np
from PIL import Image

from data_pipeline.images import colours


def _picture():
    """Two pixels: black, and one of a red."""
    rgb = np.array([[[0, 0, 0], [255, 16, 15]]], np.uint8)
    return Image.fromarray(rgb), Image.fromarray(np.array([[0, 88]], np.uint8))


def test_the_means_of_two_pixels():
    found = colours.of_thumbnail(*_picture())
    assert (found.red, found.green, found.blue, found.grey) == (127.5, 8.0, 7.5, 44.0)


def test_the_histogram_of_two_pixels():
    red, green, blue, grey = colours.unpack(colours.of_thumbnail(*_picture()).histogram).tolist()
    assert red == [1, *[0] * 14, 1]
    assert green == [1, 1, *[0] * 14]
    assert blue == [2, *[0] * 15]
    assert grey == [1, 0, 0, 0, 0, 1, *[0] * 10]


def test_the_histogram_of_a_thumbnail_counts_all_its_pixels():
    white = [Image.new(mode, (64, 64), "white") for mode in ("RGB", "L")]
    found = colours.unpack(colours.of_thumbnail(*white).histogram)
    assert found[:, -1].tolist() == [4096] * 4
    assert found.sum() == 4 * 4096
