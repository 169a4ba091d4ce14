import io

import numpy as np
import pytest
from PIL import Image

from data_pipeline.video import faces
from data_pipeline.video.faces import Box
from tests.data_pipeline import painted_videos


def _gradient(height=100, width=160):
    """Red is the column, green the row."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x, y, np.zeros_like(x)], axis=-1).astype(np.uint8)


def _opened(jpeg):
    image = Image.open(io.BytesIO(jpeg))
    assert image.format == "JPEG"
    return np.asarray(image).astype(int)


def test_a_crop_is_a_square_around_the_face_with_its_margin():
    pixels = _opened(faces.crop(_gradient(), Box(60, 40, 80, 70), margin=1.5, size=256))
    assert pixels.shape == (45, 45, 3)  # 30, the longer side, times 1.5
    np.testing.assert_allclose(pixels[0, 0], (47, 32, 0), atol=4)
    np.testing.assert_allclose(pixels[-1, -1], (91, 76, 0), atol=4)


@pytest.mark.parametrize(
    ("box", "corner"),
    [
        (Box(-10, -10, 20, 20), (0, 0)),
        (Box(150, 90, 180, 120), (121, 61)),
    ],
)
def test_a_crop_over_the_edge_is_moved_inwards(box, corner):
    pixels = _opened(faces.crop(_gradient(), box, margin=1.3, size=256))
    assert pixels.shape == (39, 39, 3)
    np.testing.assert_allclose(pixels[0, 0, :2], corner, atol=4)


def test_a_crop_is_no_larger_than_the_picture():
    assert _opened(faces.crop(_gradient(), Box(0, 0, 90, 90), 2.0, 256)).shape == (100, 100, 3)


def test_large_crops_are_scaled_down_and_small_ones_left_alone():
    face = Box(60, 40, 90, 70)
    assert _opened(faces.crop(_gradient(), face, 2.0, size=32)).shape == (32, 32, 3)
    assert _opened(faces.crop(_gradient(), face, 1.0, size=32)).shape == (30, 30, 3)


def _picture(*places, side=painted_videos.FACE_SIDE, size=(720, 480)):
    picture = Image.new("RGB", size, (96, 120, 140))
    for index, (left, top) in enumerate(places):
        picture.paste(painted_videos.face(index).resize((side, side)), (left, top))
    return np.asarray(picture)


def test_dlib_finds_the_painted_face_and_none_on_plain_ground():
    detect = faces.detector("dlib")
    assert detect(_picture()) == []
    (box,) = detect(_picture((200, 100)))
    assert 200 <= box.left < box.right <= 424
    assert 100 <= box.top < box.bottom <= 324
    assert box.side > 80


def test_the_largest_face_comes_first():
    picture = Image.fromarray(_picture((20, 20)))
    picture.paste(painted_videos.face(2).resize((400, 400)), (300, 40))
    first, second = faces.detector("dlib")(np.asarray(picture))
    assert first.left > 300 > second.right
    assert first.side > second.side


@pytest.mark.parametrize("scale", [0.5, 1, 3])
def test_boxes_are_in_pixels_of_the_picture_whatever_its_size(scale):
    picture = Image.fromarray(_picture((200, 100)))
    size = round(picture.width * scale), round(picture.height * scale)
    (box,) = faces.detector("dlib")(np.asarray(picture.resize(size)))
    assert (box.left + box.right) / 2 / scale == pytest.approx(312, abs=25)
    assert (box.top + box.bottom) / 2 / scale == pytest.approx(225, abs=25)


@pytest.mark.shared_data
def test_yunet_finds_what_dlib_finds(shared_data):
    yunet = faces.detector(f"yunet:{shared_data / 'weights' / 'yunet_n_dynamic.onnx'}")
    # No side is a multiple of 32, which its input has to be.
    picture = _picture((200, 100), size=(721, 483))
    (ours,), (theirs,) = faces.detector("dlib")(picture), yunet(picture)
    assert abs((ours.left + ours.right) - (theirs.left + theirs.right)) < 40
    assert abs((ours.top + ours.bottom) - (theirs.top + theirs.bottom)) < 100
    assert yunet(_picture()) == []
