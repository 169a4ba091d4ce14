import io

import numpy as np
import pytest
from PIL import Image

from trainer.reporting import plots


def _colors(picture):
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    return {tuple(color) for color in np.unique(picture.reshape(-1, 3), axis=0).tolist()}


TRAIN = (0x8A, 0x94, 0xA6)
VALIDATION = (0x1F, 0x6F, 0xEB)


def test_the_curves_of_both_splits_are_drawn_in_their_colours():
    picture = plots.curves(
        [
            {"split": "train", "step": 1, "loss": 1.0, "learning_rate": 0.1},
            {"split": "train", "step": 2, "loss": 0.5, "learning_rate": 0.2},
            {"split": "validation", "step": 2, "loss": 0.4, "accuracy": 0.5, "auc": None},
        ]
    )
    assert picture.shape == (572, 990, 3)
    assert {TRAIN, VALIDATION} <= _colors(picture)


def test_a_split_without_lines_has_no_curve():
    picture = plots.curves([{"split": "validation", "step": 2, "loss": 0.4}])
    assert VALIDATION in _colors(picture)
    assert TRAIN not in _colors(picture)


def test_a_dotted_line_ends_each_phase_in_all_four_panels():
    def painted(phase):
        lines = [
            {"split": "train", "step": 1, "phase": "head", "loss": 1.0, "learning_rate": 1e-3},
            {"split": "train", "step": 5, "phase": "head", "loss": 0.9, "learning_rate": 0.0},
            {"split": "train", "step": 9, "phase": phase, "loss": 0.8, "learning_rate": 1e-5},
        ]
        return plots.curves(lines)

    differ = (painted("head") != painted("fine-tune")).any(axis=2)
    middle, half = differ.shape[0] // 2, differ.shape[1] // 2
    for rows in (slice(None, middle), slice(middle, None)):
        for columns in (slice(None, half), slice(half, None)):
            assert differ[rows, columns].sum() > 20


def test_a_loss_that_is_not_finite_can_be_drawn():
    lines = [{"split": "train", "step": s, "loss": v} for s, v in ((1, np.nan), (2, np.inf))]
    lines.append({"split": "validation", "step": 2, "loss": 0.4})
    assert VALIDATION in _colors(plots.curves(lines))


def test_the_confusion_matrix_is_dark_where_a_class_is_recognised():
    picture = plots.confusion_matrix([[9, 0], [0, 7]], ("real", "fake"))
    assert picture.shape == (418, 473, 3)
    dark = (8, 48, 107)  # the end of the colour map
    assert dark in _colors(picture)
    rows, columns = np.nonzero((picture == dark).all(axis=2))
    upper = columns[rows < 150].mean()
    lower = columns[rows > 250].mean()
    assert upper < lower


def test_a_class_without_examples_can_be_drawn():
    picture = plots.confusion_matrix([[0, 0], [1, 3]], ("real", "fake"))
    assert len(_colors(picture)) > 10


def test_the_confusion_matrix_of_many_classes_is_no_larger_than_that_of_some():
    many = plots.confusion_matrix(np.eye(300, dtype=int).tolist(), tuple(map(str, range(300))))
    assert max(many.shape) < 2000
    assert (8, 48, 107) in _colors(many)


@pytest.mark.parametrize("name", ["真实", "many letters " * 9])
def test_long_names_and_those_that_the_font_lacks_are_drawn(name):
    image = np.zeros((4, 4, 3), np.uint8)
    assert max(plots.confusion_matrix([[1, 0], [0, 1]], (name, "b")).shape) < 800
    assert plots.image_grid([image], [name], columns=8).shape == plots.image_grid(
        [image], ["a"], columns=8
    ).shape  # fmt: skip


def test_a_grid_shows_each_image():
    red, green, blue = (np.full((4, 4, 3), c, np.uint8) for c in np.eye(3, dtype=np.uint8) * 255)
    picture = plots.image_grid([red, green, blue], ["a", "b", "c"], columns=2)
    assert picture.shape == (1067, 990, 3)
    assert {(255, 0, 0), (0, 255, 0), (0, 0, 255)} <= _colors(picture)
    assert np.argwhere((picture == (0, 0, 255)).all(axis=2))[:, 0].min() > 1067 // 2


@pytest.mark.parametrize("text", ["cost$\\frac$", "$$", "a_b^c\\"])
def test_any_text_can_be_a_caption_or_a_class_name(text):
    image = np.zeros((4, 4, 3), np.uint8)
    assert len(_colors(plots.image_grid([image], [text]))) > 2
    assert len(_colors(plots.confusion_matrix([[1, 0], [0, 1]], (text, "b")))) > 10


def test_a_png_gives_the_pixels_back():
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    with Image.open(io.BytesIO(plots.to_png(picture))) as read:
        assert read.format == "PNG"
        assert np.array_equal(np.asarray(read), picture)
