"""JPEGs that were cut, with and without an end marker behind the cut."""

import io

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image, JpegImagePlugin

from data_pipeline.images import image_policy, jpeg_completeness, jpeg_structure
from data_pipeline.images.image_policy import Reason, Rejection, Stored

_KINDS = {
    "baseline": ("RGB", {"subsampling": 0}),
    "halved chroma": ("RGB", {"subsampling": 2}),
    "grey": ("L", {}),
    "CMYK": ("CMYK", {}),
    "optimized": ("RGB", {"optimize": True}),
    "restarts": ("RGB", {"restart_marker_blocks": 7}),
    "restart rows": ("RGB", {"restart_marker_rows": 1}),
    "progressive": ("RGB", {"progressive": True}),
}


def _jpeg(kind: str = "baseline", width: int = 90, height: int = 70) -> bytes:
    mode, options = _KINDS[kind]
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(values).convert(mode).save(file, "JPEG", **options)
    return file.getvalue()


def _is_cut(data: bytes) -> bool:
    image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
    image.load()
    return jpeg_completeness.is_cut(jpeg_structure.read(data), image)


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("part", [0.5, 0.7])
@pytest.mark.parametrize("image_size", [8, 16, 256])
def test_a_jpeg_that_was_cut_before_its_end_marker_is_refused(kind, part, image_size):
    data = _jpeg(kind)
    cut = data[: int(len(data) * part)].removesuffix(b"\xff") + b"\xff\xd9"
    refused = image_policy.store(cut, image_size)
    expected = f"{len(cut):,} bytes, and the picture goes on"
    assert refused == Rejection(Reason.TRUNCATED, expected)
    assert isinstance(image_policy.store(data, image_size), Stored)


@hypothesis.settings(max_examples=150, deadline=None, database=None, derandomize=True)
@hypothesis.given(st.sampled_from(sorted(set(_KINDS) - {"progressive"})), st.floats(0, 0.97))
def test_wherever_blocks_are_missing_the_cut_is_noticed(kind, part):
    data = _jpeg(kind)
    start = jpeg_structure.read(data).scans[0][1]
    cut = data[: start + int((len(data) - start) * part)].removesuffix(b"\xff")
    assert _is_cut(cut + b"\xff\xd9")


def test_a_cut_just_before_a_restart_marker_is_noticed():
    data = _jpeg("restarts")
    assert _is_cut(data[: data.rindex(b"\xff\xd3")] + b"\xff\xd9")


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("shade", [0, 127, 128, 129, 255])
def test_a_grey_picture_is_whole(kind, shade):
    mode, options = _KINDS[kind]
    file = io.BytesIO()
    Image.new("RGB", (50, 41), (shade,) * 3).convert(mode).save(file, "JPEG", **options)
    assert not _is_cut(file.getvalue())


def test_a_progressive_jpeg_that_was_meant_to_be_coarse_is_whole():
    data = _jpeg("progressive")
    coarse = data[: data.rindex(b"\xff\xda")] + b"\xff\xd9"
    assert not jpeg_structure.read(coarse).has_all_coefficients()
    assert not _is_cut(coarse)


def test_an_end_marker_is_given_back_to_what_lacks_nothing_else():
    data = _jpeg()
    assert jpeg_completeness.with_end_marker(jpeg_structure.read(data[:-2])) == data
    assert jpeg_completeness.with_end_marker(jpeg_structure.read(data[:-1])) == data
    assert jpeg_completeness.with_end_marker(jpeg_structure.read(data[:-9])) is None


def test_a_progressive_jpeg_that_lost_some_last_bits_is_not_noticed():
    data = _jpeg("progressive")
    assert not _is_cut(data[: int(len(data) * 0.9)] + b"\xff\xd9")


@pytest.mark.shared_data
def test_no_photograph_is_taken_for_cut_and_each_is_once_it_was(shared_data):
    for path in sorted((shared_data / "three_class").rglob("*.jpg")):
        data = path.read_bytes()
        assert not _is_cut(data), path
        found = jpeg_structure.read(data)
        if len(found.scans) == 1:
            _, start, end = found.scans[0]
            half = data[: (start + end) // 2].removesuffix(b"\xff")
            assert _is_cut(half + b"\xff\xd9"), path
