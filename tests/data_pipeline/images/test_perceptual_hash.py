import numpy as np
import pytest

from data_pipeline.images import perceptual_hash

SIDE = perceptual_hash.SIDE


def _waves(phase=0.0):
    y, x = np.mgrid[0 : 1 : SIDE * 1j, 0 : 1 : SIDE * 1j]
    return (120 + 90 * np.sin(9 * x + 5 * y + phase)).astype(np.uint8)


def _noise(scale):
    return (128 + np.random.default_rng(0).normal(0, scale, (SIDE, SIDE))).astype(np.uint8)


def _bits(number):
    return np.unpackbits(np.array([number], ">u8").view(np.uint8)).reshape(8, 8).tolist()


def test_a_picture_that_gets_lighter_to_the_right_has_all_bits_and_its_mirror_none():
    ramp = np.tile(np.arange(SIDE, dtype=np.uint8) * 3, (SIDE, 1))
    (rows,) = perceptual_hash.unpack([perceptual_hash.signature(ramp)])
    assert rows.shape == (8, 5)
    assert (rows[: perceptual_hash.MIRRORED] == 2**64 - 1).all()
    assert (rows[perceptual_hash.MIRRORED] == 0).all()


def test_a_bit_says_whether_the_next_value_to_the_right_is_larger():
    dark_middle = np.full((SIDE, SIDE), 200, np.uint8)
    dark_middle[:, SIDE // 3 : 2 * SIDE // 3] = 20
    (rows,) = perceptual_hash.unpack([perceptual_hash.signature(dark_middle)])
    # Of nine columns the middle three are dark; the blur reaches over their edges a little.
    assert _bits(rows[perceptual_hash.WHOLE, 0]) == [[0, 0, 0, 0, 1, 1, 1, 0]] * 8


def test_the_mirrored_hash_is_that_of_the_mirrored_picture():
    (one, other) = perceptual_hash.unpack(
        [perceptual_hash.signature(_waves()), perceptual_hash.signature(_waves()[:, ::-1])]
    )
    assert (one[perceptual_hash.MIRRORED] == other[perceptual_hash.WHOLE]).all()
    assert (one[perceptual_hash.WHOLE] == other[perceptual_hash.MIRRORED]).all()


@pytest.mark.parametrize(
    "grey",
    [np.zeros((SIDE, SIDE), np.uint8), np.full((SIDE, SIDE), 255, np.uint8), _noise(1.0)],
)
def test_an_even_picture_has_no_signature(grey):
    assert perceptual_hash.signature(grey) == ""


def test_a_small_thing_on_an_even_ground_is_not_enough_for_a_signature():
    grey = np.full((SIDE, SIDE), 250, np.uint8)
    grey[20:30, 20:30] = 10
    assert perceptual_hash.signature(grey) == ""


def test_the_noise_of_even_areas_sets_no_bits():
    half = _waves()
    half[SIDE // 2 :] = 128
    noisy = half.copy()
    noisy[SIDE // 2 :] = _noise(1.5)[SIDE // 2 :]
    one, other = perceptual_hash.unpack([perceptual_hash.signature(grey) for grey in (half, noisy)])
    assert np.bitwise_count(one[0, 0] ^ other[0, 0]) == 0


def test_a_signature_is_some_hundred_characters():
    assert len(perceptual_hash.signature(_waves())) == 428
