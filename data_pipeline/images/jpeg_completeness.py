"""Whether a JPEG holds all of its pixels; a decoder pads what is missing without a word.

Random bits tell: put where the coded data end, they change the picture if, and only if, the decoder
still had pixels to read.
"""

import io
import random

from PIL import Image, JpegImagePlugin

from data_pipeline.images import jpeg_structure

_RANDOM_BITS = bytes(random.Random(0).randrange(255) for _ in range(256))  # never 0xFF
_END_MARKER = b"\xff\xd9"
_MID_GREY = range(126, 131)  # 128, as the conversions between colour spaces round it


def with_end_marker(segments: jpeg_structure.Segments) -> bytes | None:
    """Returns a JPEG that lacks nothing but its end marker with that marker; None if more is gone.

    Raises:
      Exception: Pillow cannot decode it; of many kinds.
    """
    data = segments.data
    if not segments.scans or segments.scans[-1][2] != len(data):
        return None
    if not segments.has_all_coefficients():
        return None
    # Behind a restart marker the random bits would be skipped, not read.
    if segments.has_restarts and not (len(segments.scans) == 1 and segments.has_all_restarts()):
        return None
    repaired = data.removesuffix(b"\xff") + _END_MARKER
    return None if _reads_on(repaired, len(repaired) - 2, _picture(repaired)) else repaired


def is_cut(segments: jpeg_structure.Segments, decoded: Image.Image) -> bool:
    """Whether a JPEG with an end marker was cut before it, at some pixels or scans.

    A picture that was cut within its last block, or within the last scan of a progressive JPEG, is
    not noticed: that would need a second decoding of every file. Arithmetic coding is not judged,
    because its encoders may leave out what a decoder pads.

    Args:
      segments: those of the file.
      decoded: its picture as Pillow's decoder has left it, of any scale.
    """
    marker = segments.frames[0][0]
    end = segments.scans[-1][2]
    if marker in jpeg_structure.PROGRESSIVE:
        return not segments.has_all_coefficients() and _reads_on(segments.data, end, decoded)
    if marker not in jpeg_structure.SEQUENTIAL or not _ends_grey(decoded):
        return False
    if segments.has_restarts and not segments.has_all_restarts():
        return True
    return _reads_on(segments.data, end, decoded)


def _ends_grey(image: Image.Image) -> bool:
    """Whether the last pixel has the luma that libjpeg gives to blocks without any data."""
    right, bottom = image.size
    pixel = image.crop((right - 1, bottom - 1, right, bottom))
    luma = pixel.getchannel("K") if image.mode == "CMYK" else pixel.convert("L")
    return luma.getpixel((0, 0)) in _MID_GREY


def _reads_on(data: bytes, end: int, decoded: Image.Image) -> bool:
    """Whether a decoder reads what stands where the coded data end, at `end`."""
    longer = _picture(data[:end] + _RANDOM_BITS + data[end:])
    same = decoded if decoded.size == longer.size else _picture(data)
    return same.tobytes() != longer.tobytes()


def _picture(data: bytes) -> Image.Image:
    return JpegImagePlugin.JpegImageFile(io.BytesIO(data))
