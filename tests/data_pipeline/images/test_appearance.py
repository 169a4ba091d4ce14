import dataclasses
import io

import numpy as np
from PIL import Image

from data_pipeline.images import appearance, image_policy
from data_pipeline.images.encoding import Encoding
from data_pipeline.images.image_policy import Header, Reason
from data_pipeline.sample import painter
from tests.data_pipeline import painted


def _file(image, kind):
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def test_a_look_finds_what_headers_say():
    found = appearance.look(painter.paint("animals", False, 0, 0), 256)
    assert found.header == Header("JPEG", "RGB", 96, 96)
    assert found.encoding == Encoding(95, "4:2:0")


def test_a_look_makes_what_is_stored():
    data = _file(Image.new("RGB", (300, 200), (200, 40, 90)), "PNG")
    assert appearance.look(data, 100).stored == image_policy.store(data, 100)


def test_colours_are_those_of_the_picture_whatever_its_format():
    for kind in ("JPEG", "PNG"):
        data = _file(Image.new("RGB", (300, 200), (200, 40, 90)), kind)
        found = appearance.look(data, 256).colours
        shades = found.red, found.green, found.blue, found.grey
        assert np.abs(np.array(shades) - (200, 40, 90, 94)).max() <= 2


def test_a_signature_is_of_the_picture_as_it_is_shown():
    upright = Image.open(io.BytesIO(painter.paint("animals", False, 0, 0)))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    turned = io.BytesIO()
    upright.transpose(Image.Transpose.ROTATE_90).save(turned, "PNG", exif=exif)
    expected = appearance.look(_file(upright, "PNG"), 256)
    found = appearance.look(turned.getvalue(), 256)
    assert found.signature == expected.signature != ""
    assert dataclasses.replace(found.encoding, exif=False) == expected.encoding


def test_a_picture_without_structure_has_no_signature():
    assert appearance.look(painted.jpeg(0), 256).header == Header("JPEG", "RGB", 24, 16)
    assert appearance.look(painted.jpeg(0), 256).signature == ""


def test_what_has_a_header_alone_is_refused():
    data = painted.jpeg(0)
    assert appearance.look(b"", 256).reason == Reason.EMPTY_FILE
    assert appearance.look(data[:-12], 256).reason == Reason.TRUNCATED
    assert appearance.look(data[:-60] + b"\xff\xd9", 256).reason == Reason.TRUNCATED
