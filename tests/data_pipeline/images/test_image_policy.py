"""What is stored of foreign image bytes: painted files of each kind, and broken ones."""

import collections
import concurrent.futures
import io
import itertools
import pathlib
import random
import struct
import warnings
import zlib

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st
from PIL import Image

from data_pipeline.images import encoding, image_policy
from data_pipeline.images.encoding import Encoding
from data_pipeline.images.image_policy import Header, JpegSettings, Reason, Rejection, Stored

RED, GREEN, BLUE, YELLOW = (220, 30, 40), (20, 180, 60), (30, 60, 200), (230, 220, 20)
WHITE = (255, 255, 255)


def _quarters(width: int = 64, height: int = 48) -> Image.Image:
    """Returns a picture of red, green (above), blue and yellow quarters."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (0, height // 2, width // 2, height))
    image.paste(YELLOW, (width // 2, height // 2, width, height))
    return image


def _noise(width: int, height: int, seed: int = 0) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def _file(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _png(width: int, height: int, bits: int, colour: int, rows: bytes, extra: bytes = b"") -> bytes:
    """Returns a PNG of any kind; `rows` begin with their filter byte each."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    pixels = _chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + extra + pixels + _chunk(b"IEND", b"")


def _chunk(name: bytes, payload: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(name + payload))
    return struct.pack(">I", len(payload)) + name + payload + checksum


def _stored(data: bytes, image_size: int = 256) -> Stored:
    stored = image_policy.store(data, image_size)
    assert isinstance(stored, Stored), stored
    return stored


def _pixels(data: bytes, image_size: int = 256) -> np.ndarray:
    """Returns what TensorFlow sees of what is stored, int32 (height, width, 3)."""
    stored = _stored(data, image_size)
    pixels = tf.io.decode_jpeg(stored.jpeg, channels=3).numpy().astype(np.int32)
    assert pixels.shape == (stored.height, stored.width, 3)
    return pixels


def _corners(data: bytes, image_size: int = 256) -> list[tuple[int, ...]]:
    """Returns the colours near the four corners, by row."""
    pixels = _pixels(data, image_size)
    return [tuple(pixels[y, x].tolist()) for y in (4, -5) for x in (4, -5)]


def _header(data: bytes) -> Header | Rejection:
    seen = image_policy.see(data, 256)
    return seen if isinstance(seen, Rejection) else seen.header


def _rejected(data: bytes, image_size: int = 256) -> Rejection:
    rejection = image_policy.store(data, image_size)
    assert isinstance(rejection, Rejection), rejection
    return rejection


def _assert_near(found, expected, tolerance: int = 3) -> None:
    assert np.abs(np.asarray(found) - np.asarray(expected)).max() <= tolerance, (found, expected)


# Passing through.


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("restart_blocks", [0, 5])
def test_a_plain_jpeg_is_stored_byte_for_byte(subsampling, restart_blocks):
    data = _file(
        _noise(100, 75),
        "JPEG",
        subsampling=subsampling,
        restart_marker_blocks=restart_blocks,
        comment=b"a comment",
    )
    assert image_policy.store(data, 75) == Stored(data, 100, 75, True, False)
    assert _pixels(data).shape == (75, 100, 3)


def test_a_jpeg_of_exif_orientation_1_is_stored_byte_for_byte():
    data = _file(_quarters(), "JPEG", exif=_exif(1))
    assert _stored(data).jpeg == data


def _strange_jpegs():
    plain = _file(_noise(40, 30), "JPEG")
    start_of_scan = plain.index(b"\xff\xda")
    yield "progressive", _file(_noise(40, 30), "JPEG", progressive=True)
    yield "grey", _file(_noise(40, 30).convert("L"), "JPEG")
    yield "stored as RGB", _file(_noise(40, 30), "JPEG", keep_rgb=True)
    yield "bytes behind the end", plain + b"\0"
    yield "a second picture behind the end", plain + plain
    yield "fill bytes", plain[:2] + b"\xff" + plain[2:]
    yield "bytes between the segments", plain[:start_of_scan] + b"\0" + plain[start_of_scan:]
    yield (
        "restart markers out of order",
        _file(_noise(40, 30), "JPEG", restart_marker_blocks=1).replace(b"\xff\xd1", b"\xff\xd2"),
    )
    yield "a restart marker too many", plain[:-2] + b"\xff\xd0" + plain[-2:]
    yield (
        "components without their names",
        plain.replace(b"\1\x22\0\2", b"\0\x22\0\2").replace(
            b"\xff\xda\0\x0c\3\1", b"\xff\xda\0\x0c\3\0"
        ),
    )


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in _strange_jpegs()])
def test_a_jpeg_that_is_not_plain_is_encoded_anew(data):
    stored = _stored(data)
    assert (stored.width, stored.height, stored.is_original) == (40, 30, False)
    assert stored.jpeg != data
    assert _stored(stored.jpeg).jpeg == stored.jpeg  # what is written is plain itself
    assert _pixels(data).shape == (30, 40, 3)


def test_what_is_encoded_is_deterministic_without_metadata_and_of_full_chroma():
    data = _file(_quarters(), "JPEG", exif=_exif(3), comment=b"a comment", dpi=(300, 300))
    stored = _stored(data)
    assert _stored(data) == stored
    image = Image.open(io.BytesIO(stored.jpeg))
    assert [layer[1:3] for layer in image.layer] == [(1, 1), (1, 1), (1, 1)]
    assert sorted(image.info) == ["jfif", "jfif_density", "jfif_unit", "jfif_version"]
    assert image.quantization[0][0] == 2  # of quality 95


# Formats and modes.


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("GIF", {}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"quality": 90}),
        ("JPEG", {"quality": 95}),
        ("JPEG", {"quality": 95, "progressive": True}),
    ],
)
def test_formats_are_told_by_their_bytes_and_keep_their_colours(kind, options):
    data = _file(_quarters(), kind, **options)
    header = _header(data)
    assert header == Header(kind, "P" if kind == "GIF" else "RGB", 64, 48)
    _assert_near(_corners(data), [RED, GREEN, BLUE, YELLOW], 6)


def test_grey_becomes_three_equal_channels():
    _assert_near(_corners(_file(Image.new("L", (20, 10), 77), "PNG")), [(77, 77, 77)] * 4)


def test_one_bit_becomes_black_and_white():
    image = Image.new("1", (32, 16), 0)
    image.paste(1, (16, 0, 32, 16))
    assert _corners(_file(image, "PNG")) == [(0, 0, 0), WHITE, (0, 0, 0), WHITE]


def test_alpha_is_laid_over_white():
    image = _quarters().convert("RGBA")
    image.paste((*RED, 0), (0, 0, 32, 24))
    image.paste((0, 0, 0, 127), (32, 0, 64, 24))
    expected = [WHITE, (128, 128, 128), BLUE, YELLOW]
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True})):
        _assert_near(_corners(_file(image, kind, **options)), expected)


def test_grey_with_alpha_is_laid_over_white():
    image = Image.new("LA", (32, 16), (100, 255))
    image.paste((0, 51), (16, 0, 32, 16))
    dark, light = (100, 100, 100), (204, 204, 204)
    _assert_near(_corners(_file(image, "PNG")), [dark, light, dark, light])


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_transparent_palette_entry_is_white(kind):
    image = Image.new("P", (32, 16), 0)
    image.putpalette([*RED, *GREEN])
    image.paste(1, (16, 0, 32, 16))
    data = _file(image, kind, transparency=1)
    _assert_near(_corners(data), [RED, WHITE, RED, WHITE])


def test_a_palette_with_degrees_of_transparency_is_laid_over_white():
    image = Image.new("P", (32, 16), 0)
    image.putpalette([*BLUE, 0, 0, 0])
    image.paste(1, (16, 0, 32, 16))
    data = _file(image, "PNG", transparency=b"\xff\x33")
    light = (204, 204, 204)
    _assert_near(_corners(data), [BLUE, light, BLUE, light])


@pytest.mark.parametrize(("mode", "transparent"), [("L", 9), ("RGB", (9, 9, 9))])
def test_a_transparent_colour_is_white(mode, transparent):
    image = Image.new(mode, (32, 16), transparent)
    image.paste(80 if mode == "L" else (80, 80, 80), (16, 0, 32, 16))
    dark = (80, 80, 80)
    _assert_near(
        _corners(_file(image, "PNG", transparency=transparent)), [WHITE, dark, WHITE, dark]
    )


def test_sixteen_bit_grey_is_scaled_and_not_clipped():
    values = np.repeat(np.arange(16, dtype=np.uint16) * 4369, 8)  # 0 to 65,535 in steps of 8 pixels
    data = _file(Image.fromarray(np.tile(values, (16, 1))), "PNG")
    assert _header(data) == Header("PNG", "I;16", 128, 16)
    expected = [0, 17, 34, 51, 68, 85, 102, 119, 136, 153, 170, 187, 204, 221, 238, 255]
    _assert_near(_pixels(data)[8, 4::8, 1], expected, 2)


def test_a_transparent_sixteen_bit_grey_is_white():
    row = b"\0" + struct.pack(">16H", *[1000] * 8, *[1001] * 8)
    data = _png(16, 8, 16, 0, row * 8, _chunk(b"tRNS", struct.pack(">H", 1000)))
    assert _corners(data)[0] == WHITE
    _assert_near(_corners(data)[1], (3, 3, 3))


@pytest.mark.parametrize(
    ("colour", "pixel", "expected"),
    [
        (2, (0xFFFF, 0x8000, 0x4000), (255, 128, 64)),
        (4, (0x6000, 0xFFFF), (96, 96, 96)),
        (6, (0xFFFF, 0x8000, 0x4000, 0xFFFF), (255, 128, 64)),
        (6, (0xFFFF, 0x8000, 0x4000, 0), WHITE),
    ],
)
def test_sixteen_bit_colour_is_scaled(colour, pixel, expected):
    row = b"\0" + struct.pack(f">{len(pixel)}H", *pixel) * 12
    _assert_near(_corners(_png(12, 9, 16, colour, row * 9)), [expected] * 4)


def test_a_transparent_sixteen_bit_colour_does_not_raise():
    row = b"\0" + struct.pack(">3H", 0xFFFF, 0x8000, 0x4000) * 12
    transparent = _chunk(b"tRNS", struct.pack(">3H", 0xFFFF, 0x8000, 0x4000))
    assert _pixels(_png(12, 9, 16, 2, row * 9, transparent)).shape == (9, 12, 3)


def test_cmyk_is_converted():
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    data = _file(image, "JPEG")  # inverted, as Adobe has it
    assert _header(data) == Header("JPEG", "CMYK", 16, 16)
    _assert_near(_corners(data), [(255, 0, 0)] * 4)


def test_ycck_is_converted():
    # Adobe's marker says by its last byte that the first three channels are YCbCr: here of red,
    # which stands for ink of cyan.
    image = Image.new("CMYK", (16, 16), (255 - 76, 255 - 85, 255 - 255, 0))
    data = _file(image, "JPEG", quality=100, subsampling=0)
    start = data.index(b"Adobe") + len(b"Adobe") + 6
    assert data[start] == 0
    data = data[:start] + b"\2" + data[start + 1 :]
    assert _header(data) == Header("JPEG", "CMYK", 16, 16)
    _assert_near(_corners(data), [(0, 255, 255)] * 4)


@pytest.mark.parametrize(("kind", "options"), [("GIF", {}), ("WEBP", {"lossless": True})])
def test_of_an_animation_the_first_frame_is_stored(kind, options):
    frames = [Image.new("RGB", (24, 16), colour) for colour in (RED, GREEN, BLUE)]
    data = _file(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    _assert_near(_corners(data), [RED] * 4)


def test_a_jpeg_that_indexes_further_pictures_is_a_jpeg():
    further = [Image.new("RGB", (24, 16), GREEN)]
    data = _file(Image.new("RGB", (24, 16), RED), "MPO", save_all=True, append_images=further)
    assert _header(data) == Header("JPEG", "RGB", 24, 16)
    _assert_near(_corners(data), [RED] * 4)
    assert _corners(data.replace(b"MPF\0", b"MPF\1")) == _corners(data)


# Orientation and size.


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize(
    ("orientation", "size", "corners"),
    [
        (1, (64, 48), [RED, GREEN, BLUE, YELLOW]),
        (2, (64, 48), [GREEN, RED, YELLOW, BLUE]),
        (3, (64, 48), [YELLOW, BLUE, GREEN, RED]),
        (4, (64, 48), [BLUE, YELLOW, RED, GREEN]),
        (5, (48, 64), [RED, BLUE, GREEN, YELLOW]),
        (6, (48, 64), [BLUE, RED, YELLOW, GREEN]),
        (7, (48, 64), [YELLOW, GREEN, BLUE, RED]),
        (8, (48, 64), [GREEN, YELLOW, RED, BLUE]),
        (9, (64, 48), [RED, GREEN, BLUE, YELLOW]),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation_is_applied(kind, orientation, size, corners):
    data = _file(_quarters(), kind, quality=95, exif=_exif(orientation))
    header = _header(data)
    assert header == Header(kind, "RGB", *size)
    stored = _stored(data)
    assert (stored.width, stored.height) == size
    _assert_near(_corners(data), corners, 8)
    _assert_near(_corners(data, 24), corners, 16)


def test_broken_exif_is_ignored():
    data = _file(_quarters(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xffbroken")
    assert _header(data) == Header("JPEG", "RGB", 64, 48)
    _assert_near(_corners(data), [RED, GREEN, BLUE, YELLOW], 8)


@pytest.mark.parametrize(
    ("size", "image_size", "expected"),
    [
        ((500, 375), 256, (341, 256)),
        ((375, 500), 256, (256, 341)),
        ((1600, 1200), 100, (133, 100)),
        ((1601, 1203), 100, (133, 100)),
        ((300, 10), 256, (300, 10)),
        ((300, 10), 8, (240, 8)),
        ((256, 256), 256, (256, 256)),
        ((9, 8), 256, (9, 8)),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_the_short_side_is_scaled_down_and_never_up(kind, size, image_size, expected):
    data = _file(_quarters(*size), kind, quality=95)
    stored = _stored(data, image_size)
    assert (stored.width, stored.height) == expected
    assert _pixels(data, image_size).shape == (expected[1], expected[0], 3)


def test_a_jpeg_is_scaled_to_what_a_png_is_scaled_to():
    image = _noise(30, 20).resize((1203, 802), Image.Resampling.BICUBIC)
    from_jpeg = _pixels(_file(image, "JPEG", quality=100, subsampling=0), 64)
    from_png = _pixels(_file(image, "PNG"), 64)
    assert np.abs(from_jpeg - from_png).mean() < 2


# Repairs and refusals.


@pytest.mark.parametrize("missing", [1, 2])
@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"restart_marker_blocks": 2}], ids=str
)
@pytest.mark.parametrize("image_size", [16, 256])
def test_a_jpeg_without_its_end_marker_is_repaired(missing, options, image_size):
    data = _file(_noise(60, 40), "JPEG", **options)
    stored = _stored(data[:-missing], image_size)
    assert stored.is_repaired
    assert not stored.is_original
    assert stored.jpeg == _stored(data, image_size).jpeg


@pytest.mark.parametrize("missing", [5, 10, 100, 1000])
@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"restart_marker_blocks": 2}], ids=str
)
def test_a_jpeg_whose_pixels_are_cut_is_refused(missing, options):
    data = _file(_noise(60, 40), "JPEG", **options)
    assert _rejected(data[:-missing]).reason == Reason.TRUNCATED


@pytest.mark.parametrize("options", [{"progressive": True}, {"restart_marker_blocks": 1}], ids=str)
def test_a_jpeg_cut_between_its_scans_or_intervals_is_refused(options):
    data = _file(_noise(60, 40), "JPEG", **options)
    marker = b"\xff\xda" if "progressive" in options else b"\xff\xd7"
    cut = data[: data.rindex(marker)]
    assert _rejected(cut).reason == Reason.TRUNCATED
    assert _rejected(cut + marker).reason == Reason.TRUNCATED


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF", "WEBP"])
@pytest.mark.parametrize("part", [0.02, 0.5, 0.9])
def test_a_cut_file_is_refused(kind, part):
    data = _file(_noise(60, 40), kind)
    reason = _rejected(data[: int(len(data) * part)]).reason
    assert reason in (Reason.TRUNCATED, Reason.CORRUPT)


@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        (b"", Reason.EMPTY_FILE, "0 bytes"),
        (
            b"\n<!DOCTYPE html>\n<html><body>404",
            Reason.HTML,
            "begins with b'<!DOCTYPE html>\\n<htm'",
        ),
        (b"<html lang=en>", Reason.HTML, "begins with b'<html lang=en>'"),
        (b"PK\3\4", Reason.NOT_AN_IMAGE, "begins with b'PK\\x03\\x04'"),
        (b"\xff\xd8", Reason.NOT_AN_IMAGE, "begins with b'\\xff\\xd8'"),
        (b"II*\0\x08\0\0\0", Reason.UNSUPPORTED_FORMAT, "TIFF"),
        (b"\0\0\0\x1cftypavif", Reason.UNSUPPORTED_FORMAT, "HEIF or AVIF"),
        (b"<?xml version='1.0'?>\n<svg>", Reason.UNSUPPORTED_FORMAT, "SVG"),
        (b"<!-- a --><!--b-->\n<svg ", Reason.UNSUPPORTED_FORMAT, "SVG"),
        (b"<!---->" * 146, Reason.NOT_AN_IMAGE, "begins with b'<!----><!----><!----'"),
        (b"%PDF-1.7", Reason.UNSUPPORTED_FORMAT, "PDF"),
        (b"\x89PNG\r\n\x1a\n", Reason.TRUNCATED, "ends before its header does"),
        (b"\xff\xd8\xff", Reason.TRUNCATED, "ends before its header does"),
    ],
)
def test_what_is_no_image_is_refused_with_its_reason(data, reason, detail):
    assert _header(data) == Rejection(reason, detail)
    assert image_policy.store(data, 256) == Rejection(reason, detail)


def test_too_many_bytes_are_refused(monkeypatch):
    monkeypatch.setattr(image_policy, "MAX_BYTES", 1234)
    expected = Rejection(Reason.TOO_MANY_BYTES, "1,235 bytes, at most 1,234")
    assert _header(b"\xff" * 1235) == expected
    assert image_policy.store(b"\xff" * 1235, 256) == expected


@pytest.mark.parametrize(
    ("size", "reason", "detail"),
    [
        (
            (12000, 12000),
            Reason.TOO_MANY_PIXELS,
            "12000 x 12000 = 144,000,000 pixels, at most 64,000,000",
        ),
        (
            (99999, 99999),
            Reason.TOO_MANY_PIXELS,
            "99999 x 99999 = 9,999,800,001 pixels, at most 64,000,000",
        ),
        ((65501, 10), Reason.TOO_LONG, "65501 x 10 pixels, at most 65,500 a side"),
        ((7, 300), Reason.TOO_SMALL, "7 x 300 pixels, at least 8 a side"),
    ],
)
def test_sizes_are_refused_from_the_header_before_anything_is_decoded(size, reason, detail):
    data = _png(*size, 8, 2, b"no pixels at all")
    assert _header(data) == Rejection(reason, detail)
    assert image_policy.store(data, 256) == Rejection(reason, detail)


def test_the_longest_side_is_stored():
    row = b"\0" + b"\x80" * 65_500
    assert _pixels(_png(65_500, 8, 8, 0, row * 8)).shape == (8, 65_500, 3)


def test_a_progressive_jpeg_of_endless_scans_is_refused():
    data = _file(_quarters(), "JPEG", progressive=True)
    last_scan = data[data.rindex(b"\xff\xda") : -2]
    assert _rejected(data[:-2] + last_scan * 200 + data[-2:]) == Rejection(
        Reason.CORRUPT, "more than 100 scans"
    )


def test_broken_pixels_of_a_png_are_refused():
    data = bytearray(_file(_noise(40, 30), "PNG"))
    data[len(data) // 2] ^= 0xFF
    assert _rejected(bytes(data)).reason == Reason.CORRUPT


def test_warnings_are_silenced_in_threads_that_overlap_and_come_back():
    # An APNG without frames is one of the files of which Pillow warns.
    plain = _file(_quarters(), "PNG")
    position = plain.index(b"IDAT") - 4
    warned_of = plain[:position] + _chunk(b"acTL", bytes(8)) + plain[position:]
    filters = list(warnings.filters)
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        results = list(threads.map(_header, [warned_of] * 200))
    assert {type(result) for result in results} == {Header}
    assert warnings.filters == filters
    with pytest.warns(UserWarning, match="APNG"):
        Image.open(io.BytesIO(warned_of))


# Arbitrary and damaged bytes.

_STARTS = [
    b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"RIFF\0\0\0\0WEBP",
]  # fmt: skip
_SETTINGS = hypothesis.settings(
    max_examples=300,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(hypothesis.HealthCheck),
)


def _assert_stored_is_read_by_tensorflow_or_refused(data: bytes, image_size: int) -> None:
    stored = image_policy.store(data, image_size)
    if isinstance(stored, Rejection):
        assert stored.detail
        assert "\n" not in stored.detail
        return
    header = _header(data)
    assert isinstance(header, Header)
    pixels = tf.io.decode_jpeg(stored.jpeg, channels=3)
    assert tuple(pixels.shape) == (stored.height, stored.width, 3)
    assert min(pixels.shape[:2]) <= image_size or stored.is_original


@_SETTINGS
@hypothesis.given(st.sampled_from(_STARTS), st.binary(max_size=200))
def test_arbitrary_bytes_never_raise(start, rest):
    _header(start + rest)
    _assert_stored_is_read_by_tensorflow_or_refused(start + rest, 32)


_JPEGS = [
    _file(
        _noise(37, 21, seed).convert(mode),
        "JPEG",
        quality=quality,
        restart_marker_blocks=restarts,
        progressive=progressive,
        subsampling=subsampling,
    )
    for seed, (mode, quality, restarts, progressive, subsampling) in enumerate(
        itertools.chain(
            itertools.product(["RGB"], [30, 95], [0, 1], [False, True], [0, 1, 2]),
            itertools.product(["L", "CMYK"], [75], [0, 1], [False], [0]),
        )
    )
]
_OTHERS = [_file(_noise(17, 11), kind) for kind in ("PNG", "GIF", "BMP", "WEBP")]


def _damaged(data: bytes, seed: int) -> bytes:
    """Returns the bytes with a few of them flipped, cut out, put in or repeated."""
    rng = random.Random(seed)
    damaged = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        position = rng.randrange(2, max(3, len(damaged)))
        kind = rng.randrange(6)
        if kind == 0 and position < len(damaged):
            damaged[position] ^= 1 << rng.randrange(8)
        elif kind == 1 and position < len(damaged):
            damaged[position] = rng.choice([0, 0xFF, 0xD0 + rng.randrange(10)])
        elif kind == 2:
            del damaged[position : position + rng.choice([1, 2, 30])]
        elif kind == 3:
            choice = [b"\xff", b"\0", b"\xff\xd0", b"\xff\xd9", b"\xff\xff", rng.randbytes(3)]
            damaged[position:position] = rng.choice(choice)
        elif kind == 4:
            damaged[position:position] = damaged[position : position + 20]
        elif rng.random() < 0.3:
            del damaged[position:]
    return bytes(damaged)


@hypothesis.settings(_SETTINGS, max_examples=1500)
@hypothesis.given(st.sampled_from(_JPEGS), st.integers(0, 1 << 32), st.sampled_from([8, 16, 256]))
def test_a_damaged_jpeg_is_refused_or_read_by_tensorflow(data, seed, image_size):
    _assert_stored_is_read_by_tensorflow_or_refused(_damaged(data, seed), image_size)


@_SETTINGS
@hypothesis.given(st.sampled_from(_OTHERS), st.integers(0, 1 << 32))
def test_a_damaged_file_of_another_format_is_refused_or_read_by_tensorflow(data, seed):
    _assert_stored_is_read_by_tensorflow_or_refused(_damaged(data, seed), 256)


@pytest.mark.shared_data
def test_files_of_other_projects_are_stored_or_refused_with_a_reason(shared_data):
    found: collections.Counter[str] = collections.Counter()
    for path in sorted((shared_data / "bad_images").rglob("*")):
        if path.is_file():
            found[_outcome(path)] += 1
    assert found == {
        "encoded": 85,
        "repaired": 1,
        Reason.UNSUPPORTED_FORMAT: 103,
        Reason.NOT_AN_IMAGE: 1,
        Reason.TOO_MANY_PIXELS: 7,
        Reason.TOO_SMALL: 22,
        Reason.TRUNCATED: 6,
        Reason.CORRUPT: 9,
    }


def _outcome(path: pathlib.Path) -> str:
    data = path.read_bytes()
    _assert_stored_is_read_by_tensorflow_or_refused(data, 256)
    stored = image_policy.store(data, 256)
    if isinstance(stored, Rejection):
        return stored.reason
    return "original" if stored.is_original else "repaired" if stored.is_repaired else "encoded"


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_all_images_can_be_encoded_alike(kind):
    data = _file(_noise(80, 60), kind)
    stored = image_policy.store(data, 256, JpegSettings(quality=75, subsampling=2))
    assert encoding.read(stored.jpeg) == Encoding(75, "4:2:0")
    assert (stored.width, stored.height, stored.is_original) == (80, 60, False)


# What a file looks like.


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_the_picture_is_that_which_is_stored(kind, orientation):
    seen = image_policy.see(_file(_quarters(640, 480), kind, exif=_exif(orientation)), 256)
    stored = Image.open(io.BytesIO(seen.stored.jpeg))
    assert (seen.picture.mode, seen.picture.size) == ("RGB", stored.size)
    difference = np.asarray(stored, float) - np.asarray(seen.picture)
    assert np.abs(difference).mean() < 2


def test_the_picture_of_bytes_that_are_kept_is_theirs():
    data = _file(_noise(80, 60), "JPEG")
    seen = image_policy.see(data, 256)
    assert seen.stored.is_original
    assert seen.picture.tobytes() == Image.open(io.BytesIO(data)).tobytes()


def test_the_picture_of_a_jpeg_without_its_end_marker_is_that_of_the_repaired_one():
    data = _file(_noise(80, 60), "JPEG")
    expected = image_policy.see(data, 256).picture.tobytes()
    seen = image_policy.see(data[:-2], 256)
    assert seen.picture.tobytes() == expected
    assert seen.stored.is_repaired


@pytest.mark.parametrize("mode", ["L", "LA", "I;16", "RGBA", "P", "1"])
def test_pictures_of_odd_modes_are_rgb(mode):
    assert image_policy.see(_file(_quarters().convert(mode), "PNG"), 256).picture.mode == "RGB"
