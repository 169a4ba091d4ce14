from data_pipeline.images import appearance, colours, image_policy, perceptual_hash
from data_pipeline.images.encoding import Encoding
from data_pipeline.images.image_policy import Header, Reason
from data_pipeline.sample import painter
from tests.data_pipeline import painted


def test_a_look_finds_headers_colours_and_signature():
    data = painter.paint("animals", False, 0, 0)
    found = appearance.look(data)
    assert found.header == image_policy.inspect(data)
    seen = image_policy.thumbnail(data, perceptual_hash.SIDE)
    assert found.signature == perceptual_hash.signature(seen.grey) != ""
    assert found.colours == colours.of_thumbnail(seen.rgb, seen.grey)
    assert found.encoding == Encoding(95, "4:2:0")


def test_a_picture_without_structure_has_no_signature():
    assert appearance.look(painted.jpeg(0)).header == Header("JPEG", "RGB", 24, 16)
    assert appearance.look(painted.jpeg(0)).signature == ""


def test_what_has_a_header_alone_is_refused():
    data = painted.jpeg(0)
    assert appearance.look(b"").reason == Reason.EMPTY_FILE
    assert appearance.look(data[:-12]).reason == Reason.TRUNCATED
    assert appearance.look(data[:-60] + b"\xff\xd9").reason == Reason.TRUNCATED
