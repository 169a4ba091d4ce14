import io

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from PIL import Image

from data_pipeline.images import encoding
from data_pipeline.images.encoding import Encoding


def _file(kind, mode="RGB", **options):
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def _exif():
    exif = Image.Exif()
    exif[0x0112] = 3
    return exif


@pytest.mark.parametrize("quality", range(1, 101))
def test_the_quality_of_a_jpeg_is_found_from_its_tables(quality):
    assert encoding.read(_file("JPEG", quality=quality)).quality == quality


@pytest.mark.parametrize(("number", "name"), [(0, "4:4:4"), (1, "4:2:2"), (2, "4:2:0")])
def test_the_subsampling_of_a_jpeg_is_found(number, name):
    assert encoding.read(_file("JPEG", subsampling=number)).subsampling == name


def test_a_grey_jpeg_has_no_chroma():
    assert encoding.read(_file("JPEG", "L", quality=60)) == Encoding(60, "grey")


def test_what_a_jpeg_holds_is_found():
    data = _file("JPEG", quality=80, progressive=True, exif=_exif())
    assert encoding.read(data) == Encoding(80, "4:2:0", progressive=True, exif=True)
    assert encoding.read(_file("JPEG", quality=80)) == Encoding(80, "4:2:0")


def test_a_jpeg_with_two_tables_in_one_segment_is_read():
    data = _file("JPEG", quality=33)
    first = data.index(b"\xff\xdb")
    second = data.index(b"\xff\xdb", first + 2)
    tables = data[first + 4 : first + 69] + data[second + 4 : second + 69]
    joined = b"\xff\xdb" + (2 + len(tables)).to_bytes(2) + tables
    assert encoding.read(data[:first] + joined + data[second + 69 :]).quality == 33


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_exif_is_found_in_other_formats(kind):
    assert encoding.read(_file(kind)) == Encoding()
    assert encoding.read(_file(kind, exif=_exif())) == Encoding(exif=True)


def test_an_interlaced_png_is_progressive():
    data = bytearray(_file("PNG"))
    data[28] = 1
    assert encoding.read(bytes(data)) == Encoding(progressive=True)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\xff\xd8", b"\xff\xd8\xff\xe0", b"RIFF...."])
def test_nothing_is_known_of_what_is_no_picture(data):
    assert encoding.read(data) == Encoding()


_FILES = [
    _file("JPEG", quality=70, exif=_exif()),
    _file("PNG", exif=_exif()),
    _file("WEBP", exif=_exif()),
]


@hypothesis.settings(deadline=None)
@hypothesis.given(st.sampled_from(_FILES), st.integers(0, 900), st.binary(max_size=9))
def test_damage_raises_nothing(data, place, noise):
    assert encoding.read(data[:place] + noise) is not None
    assert encoding.read(data[:place] + noise + data[place + len(noise) :]) is not None
