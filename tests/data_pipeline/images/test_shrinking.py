import hashlib

import numpy as np
import pytest
from hypothesis import given, settings, strategies
from PIL import Image

from data_pipeline.images import shrinking


def _lanczos(before, after):
    """Returns float64 [after, before]: what each pixel of a row adds to each of a shorter one."""
    scale = before / after
    centres = (np.arange(after) + 0.5) * scale
    distances = (np.arange(before) + 0.5 - centres[:, None]) / scale
    weights = np.where(np.abs(distances) < 3, np.sinc(distances) * np.sinc(distances / 3), 0)
    return weights / weights.sum(axis=1, keepdims=True)


def _waves(width, height):
    """Returns a picture of waves of many lengths, painted by the arithmetic of integers."""
    y, x = np.mgrid[:height, :width]
    channels = [64 + (x * x + 3 * x * y + k * y * y) // (97 + 20 * k) % 128 for k in (1, 2, 3)]
    return Image.fromarray(np.stack(channels, axis=2).astype(np.uint8))


@pytest.mark.parametrize(
    ("size", "after"), [((500, 375), (341, 256)), ((375, 500), (192, 256)), ((64, 48), (63, 47))]
)
def test_a_picture_is_filtered_by_lanczos_to_the_last_grey_level(size, after):
    picture = _waves(*size)
    rows, columns = _lanczos(size[1], after[1]), _lanczos(size[0], after[0])
    pixels = np.asarray(picture, np.float64)
    expected = np.einsum("ai,bj,ijc->abc", rows, columns, pixels, optimize=True).clip(0, 255)
    found = np.asarray(shrinking.shrink(picture, after), np.float64)
    assert np.abs(found - expected).mean() < 0.27  # .25 is what rounding costs
    assert np.abs(found - expected).max() < 4
    assert abs((found - expected).mean()) < 0.02


def test_where_blocks_are_averaged_first_nothing_moves():
    side = np.sin(np.arange(1203) / 60)
    pixels = np.stack([100 + 90 * np.outer(side[:802], side)] * 3, axis=2)
    rows, columns = _lanczos(802, 50), _lanczos(1203, 75)
    expected = np.einsum("ai,bj,ijc->abc", rows, columns, pixels, optimize=True)
    found = shrinking.shrink(Image.fromarray(pixels.astype(np.uint8)), (75, 50))
    assert np.abs(np.asarray(found, np.float64) - expected).max() < 2  # a tenth of a pixel is 2.4


def test_the_pixels_are_those_of_every_processor_and_version():
    # If this fails, image_policy.POLICY_VERSION and extraction.FACES_VERSION have to change.
    found = shrinking.shrink(_waves(500, 375), (341, 256))
    assert hashlib.sha256(found.tobytes()).hexdigest() == (
        "2194f1a5a3815f49ebe3a5e155eb5b15edfa84636bf1d30fc4350568bc24bcef"
    )


@settings(deadline=None, max_examples=60)
@given(
    strategies.tuples(*[strategies.integers(1, 90)] * 4),
    strategies.tuples(*[strategies.integers(0, 255)] * 3),
)
def test_an_even_colour_stays_what_it_is_at_any_size(sides, colour):
    before = max(sides[:2]), max(sides[2:])
    after = min(sides[:2]), min(sides[2:])
    found = shrinking.shrink(Image.new("RGB", before, colour), after)
    assert (found.mode, found.size) == ("RGB", after)
    assert found.getcolors() == [(after[0] * after[1], colour)]


@pytest.mark.parametrize(
    ("before", "after"),
    [((65_500, 9), (58_222, 8)), ((9, 65_500), (8, 58_222)), ((64, 65_500), (1, 1_023))],
)
def test_long_pictures_are_shrunk(before, after):
    found = shrinking.shrink(Image.new("RGB", before, (10, 200, 30)), after)
    assert found.size == after
    assert found.getextrema() == ((10, 10), (200, 200), (30, 30))


def test_parts_of_pixels_at_the_end_can_be_left_out():
    picture = _waves(64, 48)
    wider = Image.new("RGB", (65, 49), "white")
    wider.paste(picture)
    found = shrinking.shrink(wider, (32, 24), (64, 48))
    expected = shrinking.shrink(picture, (32, 24))
    assert np.abs(np.asarray(found, int) - np.asarray(expected, int))[:-2, :-2].mean() < 0.5
    half = shrinking.shrink(picture, (32, 24), (63.5, 47.5))
    assert half.size == (32, 24)
    assert half != expected
