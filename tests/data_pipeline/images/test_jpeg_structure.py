"""The segments that are found in painted JPEGs, and what follows from them."""

import io

import numpy as np
import pytest
from PIL import Image

from data_pipeline.images import jpeg_structure

SIZE = (40, 30)


def _jpeg(mode: str = "RGB", **options) -> bytes:
    values = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(values).convert(mode).save(file, "JPEG", **options)
    return file.getvalue()


def test_a_baseline_jpeg_has_one_frame_and_one_scan_up_to_its_end_marker():
    data = _jpeg()
    found = jpeg_structure.read(data)
    assert [(marker, len(payload)) for marker, payload in found.frames] == [(0xC0, 15)]
    ((header, start, end),) = found.scans
    assert header == b"\3\1\0\2\x11\3\x11\0\x3f\0"
    assert data[start - len(header) - 4 : start] == b"\xff\xda\0\x0c" + header
    assert (end, found.end) == (len(data) - 2, len(data))
    assert found.is_tidy
    assert found.is_plain(SIZE)


def test_a_picture_within_a_segment_is_not_looked_into():
    data = _jpeg(exif=b"Exif\0\0" + _jpeg())
    assert len(jpeg_structure.read(data).frames) == 1


def test_a_file_that_breaks_off_has_no_end():
    found = jpeg_structure.read(_jpeg()[:-2])
    assert not found.has_end
    assert found.scans[0][2] == len(found.data)


@pytest.mark.parametrize(
    ("mode", "options"),
    [("L", {}), ("CMYK", {}), ("RGB", {"progressive": True}), ("RGB", {"keep_rgb": True})],
)
def test_other_kinds_are_not_plain(mode, options):
    assert not jpeg_structure.read(_jpeg(mode, **options)).is_plain(SIZE)


def test_a_header_of_another_size_is_not_plain():
    assert not jpeg_structure.read(_jpeg()).is_plain((41, 30))


@pytest.mark.parametrize(("blocks", "has_restarts"), [(0, False), (2, True)])
def test_restart_markers_are_counted(blocks, has_restarts):
    found = jpeg_structure.read(_jpeg(restart_marker_blocks=blocks))
    assert (found.has_restarts, found.has_all_restarts()) == (has_restarts, True)


@pytest.mark.parametrize("change", [(b"\xff\xd1", b"\xff\xd2"), (b"\xff\xd1", b"")])
def test_restart_markers_that_are_absent_or_out_of_order_are_noticed(change):
    data = _jpeg(restart_marker_blocks=1)
    assert not jpeg_structure.read(data.replace(*change, 1)).has_all_restarts()


def test_the_scans_of_a_progressive_jpeg_hold_all_coefficients_together():
    data = _jpeg(progressive=True)
    assert len(jpeg_structure.read(data).scans) == 10
    assert jpeg_structure.read(data).has_all_coefficients()
    without_the_last = data[: data.rindex(b"\xff\xda")] + b"\xff\xd9"
    assert len(jpeg_structure.read(without_the_last).scans) == 9
    assert not jpeg_structure.read(without_the_last).has_all_coefficients()


def test_endless_scans_are_refused():
    data = _jpeg(progressive=True)
    last_scan = data[data.rindex(b"\xff\xda") : -2]
    with pytest.raises(ValueError, match="more than 100 scans"):
        jpeg_structure.read(data[:-2] + last_scan * 200 + data[-2:])
