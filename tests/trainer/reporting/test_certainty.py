import numpy as np
import pytest

from trainer.reporting import certainty

LABELS = np.array([1, 0, 1, 0, 1])
OF_FAKE = np.array([0.9, 0.9, 0.6, 0.2, 0.1])


def test_bins_without_examples_are_left_out_and_a_chance_of_one_has_a_bin():
    is_positive = np.array([True, False, True, True])
    found = certainty.reliability(is_positive, np.array([0.31, 0.39, 0.95, 1.0]))
    assert [values.tolist() for values in found] == [
        pytest.approx([0.35, 0.975]),
        [0.5, 1.0],
        [2, 2],
    ]


@pytest.mark.parametrize("names", [("real", "fake"), ("_a$x$", "真实 \\frac" * 9)])
def test_both_classes_are_painted_in_their_colours(names):
    chances = np.stack([1 - OF_FAKE, OF_FAKE], axis=1)
    picture = certainty.paint(LABELS, chances, names, positive=1, threshold=0.5)
    assert (picture.shape, picture.dtype) == ((352, 990, 3), np.uint8)
    for color in ((0x1F, 0x6F, 0xEB), (0xE0, 0x8A, 0x1E)):
        assert (picture == color).all(axis=2).sum() > 50
