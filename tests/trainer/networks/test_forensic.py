import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from trainer.networks import forensic, models


def _high_pass(pixels):
    return forensic.HighPass()(tf.constant(pixels, tf.float32)).numpy()


def test_each_filter_is_blind_to_brightness_and_slopes():
    y, x = np.mgrid[:5, :5]
    for kernel in forensic.SRM:
        assert kernel.shape == (5, 5)
        for plane in (np.ones((5, 5)), x, y):
            assert abs((kernel * plane).sum()) < 1e-12


def test_residuals_are_those_of_scipy():
    pixels = np.random.default_rng(0).uniform(100, 104, (1, 9, 8, 3))
    found = _high_pass(pixels)
    assert found.shape == (1, 9, 8, 9)
    for colour in range(3):
        for index, kernel in enumerate(forensic.SRM):
            expected = scipy.ndimage.correlate(pixels[0, ..., colour], kernel, mode="mirror")
            assert found[0, ..., 3 * colour + index] == pytest.approx(expected / 4, abs=1e-4)


def test_residuals_of_edges_are_cut_off():
    pixels = np.zeros((1, 8, 8, 3))
    pixels[:, :, 4:] = 255
    assert np.abs(_high_pass(pixels)).max() == 2


def test_a_smooth_picture_leaves_nothing_and_a_checkerboard_much():
    y, x = np.mgrid[:16, :16]
    smooth = np.repeat((100 + x + 2 * y)[None, ..., None], 3, axis=-1)
    inside = _high_pass(smooth)[:, 2:-2, 2:-2]
    assert np.abs(inside).max() < 1e-4
    board = smooth + (-1) ** (x + y)[None, ..., None]
    assert np.abs(_high_pass(board)[:, 2:-2, 2:-2]).min() > 0.4


def test_the_filters_never_train():
    classifier = models.build(models.ModelSpec("forensic", 32, 1))
    classifier.unfreeze_from("0", train_batch_norm=True)
    # Four blocks of convolution and batch norm on nine maps, and the last layer.
    weights = [9 * 9 * 16, 9 * 16 * 32, 9 * 32 * 64, 9 * 64 * 128]
    assert classifier.num_parameters() == (
        sum(weights) + 4 * (16 + 32 + 64 + 128) + 129,
        sum(weights) + 2 * (16 + 32 + 64 + 128) + 129,
    )
