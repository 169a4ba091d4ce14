"""Where foreign image bytes are opened, and turned into what a dataset stores or refused.

A dataset stores baseline JPEGs of three channels. Whatever `store` accepts is decoded by
`tf.io.decode_jpeg(jpeg, channels=3)` to exactly (height, width, 3); a file on which Pillow and
TensorFlow might disagree is encoded anew. Colour profiles are ignored, because TensorFlow ignores
them in what is passed through.
"""

import dataclasses
import enum
import io
import re
from collections.abc import Callable

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

from data_pipeline.images import (
    colour_modes,
    jpeg_completeness,
    jpeg_structure,
    shrinking,
    silence,
)

POLICY_VERSION = 3  # part of the plan's digest; changes when the output for any input changes
MAX_BYTES = 64 << 20  # 64 MiB of a file
MAX_PIXELS = 64_000_000  # 256 MB while Pillow holds them
MAX_SIDE = 65_500  # pixels; libjpeg encodes no more
MIN_SIDE = 8  # pixels; one block of a JPEG
JPEG_QUALITY = 95
# Generators leave traces in the fine structure of colour; halved chroma would erase them.
JPEG_CHROMA_SUBSAMPLING = 0  # 4:4:4 in Pillow's numbering


class Reason(enum.StrEnum):
    """Why a file is not stored."""

    EMPTY_FILE = enum.auto()
    TOO_MANY_BYTES = enum.auto()
    HTML = enum.auto()
    UNSUPPORTED_FORMAT = enum.auto()
    NOT_AN_IMAGE = enum.auto()
    TOO_MANY_PIXELS = enum.auto()
    TOO_SMALL = enum.auto()
    TOO_LONG = enum.auto()
    TRUNCATED = enum.auto()
    CORRUPT = enum.auto()
    OUT_OF_MEMORY = enum.auto()
    CRASHED = enum.auto()
    TIMEOUT = enum.auto()


@dataclasses.dataclass(frozen=True)
class Rejection:
    """A file that is not stored; `detail` is one line with the values."""

    reason: Reason
    detail: str


@dataclasses.dataclass(frozen=True)
class Header:
    """What a file says of itself; width and height in pixels, as EXIF wants it shown."""

    format: str
    mode: str
    width: int
    height: int


@dataclasses.dataclass(frozen=True)
class Stored:
    """A baseline JPEG of three channels; width and height in pixels.

    `is_original`: the bytes are the file's own. `is_repaired`: the file lacked its end marker.
    """

    jpeg: bytes
    width: int
    height: int
    is_original: bool
    is_repaired: bool


@dataclasses.dataclass(frozen=True)
class JpegSettings:
    """How images are encoded; `quality` 1-100, `subsampling` in Pillow's numbering."""

    quality: int = JPEG_QUALITY
    subsampling: int = JPEG_CHROMA_SUBSAMPLING


def store(data: bytes, image_size: int, alike: JpegSettings | None = None) -> Stored | Rejection:
    """Returns what a dataset stores of a file. Raises nothing, whatever the bytes.

    Args:
      data: the bytes of a file of any format.
      image_size: pixels, at least 1. A longer short side is scaled down to it, the aspect ratio
        kept; nothing is scaled up.
      alike: how every image is encoded; None keeps the bytes of what needs no change.
    """
    seen = see(data, image_size, alike)
    return seen if isinstance(seen, Rejection) else seen.stored


@dataclasses.dataclass(frozen=True)
class Seen:
    """A file that was decoded: its header, what a dataset stores of it, and `picture`, that in RGB.

    Nobody may change the picture: where the bytes are the file's own, it is the decoder's.
    """

    header: Header
    stored: Stored
    picture: Image.Image


def see(data: bytes, image_size: int, alike: JpegSettings | None = None) -> Seen | Rejection:
    """Returns what `store` returns, with the picture that was decoded for it."""
    try:
        with silence.PILLOW:
            return _see(data, image_size, alike)
    except Exception as error:  # Pillow raises a dozen kinds on foreign bytes
        return _rejection(error)


@dataclasses.dataclass(frozen=True)
class _Opened:
    image: Image.Image  # of the stored orientation, not yet loaded
    header: Header
    orientation: int  # of EXIF, 1-8


class _RefusedError(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


# Opening and refusing.

_PLUGINS: dict[bytes, Callable[[io.BytesIO], Image.Image]] = {
    rb"\xff\xd8\xff": JpegImagePlugin.JpegImageFile,
    rb"\x89PNG\r\n\x1a\n": PngImagePlugin.PngImageFile,
    rb"RIFF....WEBP": WebPImagePlugin.WebPImageFile,
    rb"GIF8[79]a": GifImagePlugin.GifImageFile,
    rb"BM": BmpImagePlugin.BmpImageFile,
}
# Atomic groups, because a page of comments would otherwise be tried in exponentially many ways.
_BLANK = rb"\s*(?>(?><!--.*?-->)\s*)*"
_HTML = re.compile(_BLANK + rb"<(!doctype html|html|head|body|script)\b", re.IGNORECASE | re.DOTALL)
_UNSUPPORTED = {
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "JPEG 2000": rb"\0\0\0\x0cjP  \r\n|\xff\x4f\xff\x51",
    "JPEG XL": rb"\xff\x0a|\0\0\0\x0cJXL \r\n",
    "HEIF or AVIF": rb"....ftyp(avi|hei|hev|mif|msf)",
    "SVG": rb"\s*(<\?xml[^>]*>)?" + _BLANK + rb"<(!doctype )?svg\b",
    "PSD": rb"8BPS",
    "ICO": rb"\0\0[\1\2]\0",
    "PDF": rb"%PDF-",
}
_BYTES_TO_SNIFF = 1024


def _open(data: bytes) -> _Opened:
    _check_bytes(data)
    image = _image_file(data)
    if image.width * image.height > MAX_PIXELS:
        product = f"{image.width} x {image.height} = {image.width * image.height:,}"
        raise _RefusedError(Reason.TOO_MANY_PIXELS, f"{product} pixels, at most {MAX_PIXELS:,}")
    size = f"{image.width} x {image.height} pixels"
    if min(image.size) < MIN_SIDE:
        raise _RefusedError(Reason.TOO_SMALL, f"{size}, at least {MIN_SIDE} a side")
    if max(image.size) > MAX_SIDE:
        raise _RefusedError(Reason.TOO_LONG, f"{size}, at most {MAX_SIDE:,} a side")
    orientation = _orientation(image)
    width, height = image.size if orientation < 5 else image.size[::-1]
    return _Opened(image, Header(image.format, image.mode, width, height), orientation)


def _check_bytes(data: bytes) -> None:
    if not data:
        raise _RefusedError(Reason.EMPTY_FILE, "0 bytes")
    if len(data) > MAX_BYTES:
        detail = f"{len(data):,} bytes, at most {MAX_BYTES:,}"
        raise _RefusedError(Reason.TOO_MANY_BYTES, detail)


def _image_file(data: bytes) -> Image.Image:
    # Image.open would hide what is wrong with a file, look for further pictures in a JPEG (MPO) and
    # fail where their index is broken.
    for start, plugin in _PLUGINS.items():
        if re.match(start, data, re.DOTALL):
            return plugin(io.BytesIO(data))
    raise _RefusedError(*_foreign(data[:_BYTES_TO_SNIFF]))


def _foreign(start: bytes) -> tuple[Reason, str]:
    if _HTML.match(start):
        return Reason.HTML, f"begins with {start.strip()[:20]!r}"
    for name, pattern in _UNSUPPORTED.items():
        if re.match(pattern, start, re.IGNORECASE | re.DOTALL):
            return Reason.UNSUPPORTED_FORMAT, name
    return Reason.NOT_AN_IMAGE, f"begins with {start[:20]!r}"


def _orientation(image: Image.Image) -> int:
    try:
        # PngImageFile.getexif would decode the picture to find EXIF that stands behind it.
        orientation = Image.Image.getexif(image).get(0x0112, 1)
    except Exception:  # broken EXIF does not spoil a picture; viewers show it upright too
        return 1
    return orientation if orientation in _TRANSPOSITIONS else 1


# What messages say; the exceptions do not tell these cases apart.
_SIGNS_OF_A_CUT = ("truncated", "not enough image data")
_SIGNS_OF_A_CUT_HEADER = ("out of range", "requires a buffer", "not enough values")  # of Python
_SIGNS_OF_AN_ODD_KIND = ("unsupported", "cannot handle")


def _rejection(error: Exception) -> Rejection:
    detail = _one_line(error)
    if isinstance(error, _RefusedError):
        return Rejection(error.reason, detail)
    if isinstance(error, MemoryError) or "out of memory" in detail.lower():
        return Rejection(Reason.OUT_OF_MEMORY, detail)
    if isinstance(error, Image.DecompressionBombError):  # the frame of a GIF outgrows its header
        return Rejection(Reason.TOO_MANY_PIXELS, detail)
    if any(sign in detail for sign in _SIGNS_OF_A_CUT_HEADER):
        return Rejection(Reason.TRUNCATED, "ends before its header does")
    if isinstance(error, EOFError) or any(sign in detail.lower() for sign in _SIGNS_OF_A_CUT):
        return Rejection(Reason.TRUNCATED, detail)
    if any(sign in detail.lower() for sign in _SIGNS_OF_AN_ODD_KIND):
        return Rejection(Reason.UNSUPPORTED_FORMAT, detail)
    return Rejection(Reason.CORRUPT, detail)


def _one_line(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:200]


# Storing.

_TRANSPOSITIONS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _see(data: bytes, image_size: int, alike: JpegSettings | None) -> Seen:
    opened = _open(data)
    if opened.header.format == "JPEG":
        return _see_jpeg(data, opened, image_size, alike)
    return _encoded(opened, image_size, alike, is_repaired=False)


def _see_jpeg(data: bytes, opened: _Opened, image_size: int, alike: JpegSettings | None) -> Seen:
    segments = jpeg_structure.read(data)
    is_repaired = not segments.has_end
    if is_repaired:
        data = _with_end_marker(segments)
        segments, opened = jpeg_structure.read(data), _open(data)
    size = opened.image.size
    fits = min(size) <= image_size and opened.orientation == 1
    if alike is None and fits and segments.is_plain(size):
        # The decoder raises where the picture is broken.
        stored = Stored(data, size[0], size[1], not is_repaired, is_repaired)
        seen = Seen(opened.header, stored, colour_modes.to_rgb(opened.image))
    else:
        seen = _encoded(opened, image_size, alike, is_repaired)
    if not is_repaired and jpeg_completeness.is_cut(segments, opened.image):
        raise _cut(data)
    return seen


def _with_end_marker(segments: jpeg_structure.Segments) -> bytes:
    repaired = jpeg_completeness.with_end_marker(segments)
    if repaired is None:
        raise _cut(segments.data)
    return repaired


def _cut(data: bytes) -> _RefusedError:
    return _RefusedError(Reason.TRUNCATED, f"{len(data):,} bytes, and the picture goes on")


def _encoded(
    opened: _Opened, image_size: int, alike: JpegSettings | None, is_repaired: bool
) -> Seen:
    image = _to_rgb_within(opened.image, image_size)
    transposition = _TRANSPOSITIONS[opened.orientation]
    image = image if transposition is None else image.transpose(transposition)
    settings = alike or JpegSettings()
    file = io.BytesIO()
    image.info.clear()  # the encoder would write its comment
    image.save(file, "JPEG", quality=settings.quality, subsampling=settings.subsampling)
    stored = Stored(file.getvalue(), image.width, image.height, False, is_repaired)
    return Seen(opened.header, stored, image)


def _to_rgb_within(image: Image.Image, image_size: int) -> Image.Image:
    short_side = min(image.size)
    if short_side <= image_size:
        return colour_modes.to_rgb(image)
    target = tuple(max(1, round(side * image_size / short_side)) for side in image.size)
    # A JPEG's decoder shrinks by 2, 4 or 8 as it decodes; it leaves a factor of two or more to
    # the filter, so that JPEGs look as if they had been scaled like all other formats.
    drafted = image.draft(None, tuple(2 * side for side in target))
    source = drafted[1][2:] if drafted else None
    return shrinking.shrink(colour_modes.to_rgb(image), target, source)
