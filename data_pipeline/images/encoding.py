"""How an image file was encoded, as its headers tell. Pure; no pixel is decoded.

The quality of a JPEG is no part of the file: it is estimated as that whose quantisation table for
luma, as the encoder of the Independent JPEG Group scales it from the example of ITU-T T.81, annex
K, is nearest to the file's. It is exact for what that encoder and its descendants wrote, and a fair
guess for others. The tables are used so, to tell what wrote a file, by Kornblum, "Using JPEG
quantization tables to identify imagery processed by software", Digital Investigation 5, 2008.
"""

import dataclasses
import functools
import struct
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

_SOI, _EOI, _SOS, _DQT, _APP1 = 0xD8, 0xD9, 0xDA, 0xDB, 0xE1
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_SUBSAMPLING = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0", (1, 2): "4:4:0", (4, 1): "4:1:1"}
_PNG, _INTERLACED = b"\x89PNG\r\n\x1a\n", 28  # the place of a byte
_WEBP_FLAGS, _WEBP_EXIF = 20, 0x08  # the place of a byte of VP8X, and a bit of it

# Table K.1 of T.81, in the order in which a file holds it.
_LUMA = (
    *(16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40),
    *(26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51, 61, 60, 57, 51),
    *(56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87),
    *(95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99),
)


@dataclasses.dataclass(frozen=True)
class Encoding:
    """How a file was encoded.

    Attributes:
      quality: of a JPEG, 1-100, estimated; None for other formats.
      subsampling: of a JPEG's chroma, such as "4:2:0", or "grey"; empty for other formats.
      progressive: a JPEG in several passes, or an interlaced PNG.
      exif: whether it holds EXIF.
    """

    quality: int | None = None
    subsampling: str = ""
    progressive: bool = False
    exif: bool = False


def read(data: bytes) -> Encoding:
    """Returns how a file was encoded. What is damaged or unknown has the defaults."""
    if data.startswith(b"\xff\xd8"):
        return _of_jpeg(data)
    if data.startswith(_PNG):
        return Encoding(
            progressive=data[_INTERLACED : _INTERLACED + 1] == b"\1", exif=_has_exif(data)
        )
    if data[:4] == b"RIFF" and data[12:16] == b"VP8X":
        return Encoding(exif=bool(data[_WEBP_FLAGS] & _WEBP_EXIF) if len(data) > 20 else False)
    return Encoding()


def _of_jpeg(data: bytes) -> Encoding:
    tables: dict[int, tuple[int, ...]] = {}
    marker_of_frame, frame, exif = 0, b"", False
    for marker, payload in _segments(data):
        if marker == _DQT:
            tables |= _tables(payload)
        elif marker == _APP1:
            exif |= payload.startswith(b"Exif\0\0")
        elif marker in _FRAMES and len(payload) >= 9:
            marker_of_frame, frame = marker, payload
    table = tables.get(frame[8]) if frame else None
    return Encoding(
        quality=None if table is None else _quality(table),
        subsampling=_subsampling(frame),
        progressive=marker_of_frame in _PROGRESSIVE,
        exif=exif,
    )


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yields markers and payloads of a JPEG up to its first scan, or to what is no segment."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF or marker in _WITHOUT_LENGTH:  # padding
            position += 1 if marker == 0xFF else 2
            continue
        if marker in (_SOS, _EOI):
            return
        length = int.from_bytes(data[position + 2 : position + 4])
        yield marker, data[position + 4 : position + 2 + length]
        position += 2 + max(2, length)


def _tables(payload: bytes) -> dict[int, tuple[int, ...]]:
    """Returns by number the tables of a segment, each of 64 numbers in zigzag order."""
    found = {}
    while payload:
        width = 2 if payload[0] >> 4 else 1
        values = payload[1 : 1 + 64 * width]
        if len(values) == 64 * width:
            found[payload[0] & 0x0F] = struct.unpack(f">64{'BH'[width - 1]}", values)
        payload = payload[1 + 64 * width :]
    return found


def _scaled() -> npt.NDArray[np.int64]:
    """Returns int64 [100, 64]: the table of each quality from 1 on, as libjpeg scales it."""
    scales = np.array([5000 // q if q < 50 else 200 - 2 * q for q in range(1, 101)])
    return ((np.array(_LUMA) * scales[:, None] + 50) // 100).clip(1, 255)


_TABLES = _scaled()


@functools.lru_cache(maxsize=256)  # the files of a set share a few tables
def _quality(table: tuple[int, ...]) -> int:
    return int(np.abs(_TABLES - np.array(table)).sum(axis=1).argmin()) + 1


def _subsampling(frame: bytes) -> str:
    if not frame:
        return ""
    if frame[5] == 1:
        return "grey"
    factors = [(byte >> 4, byte & 0x0F) for byte in frame[7::3]]
    (across, down), chroma = factors[0], factors[1:2]
    if chroma and 0 not in chroma[0] and not (across % chroma[0][0] or down % chroma[0][1]):
        across, down = across // chroma[0][0], down // chroma[0][1]
    return _SUBSAMPLING.get((across, down), f"{across}x{down}")


def _has_exif(png: bytes) -> bool:
    position = len(_PNG)
    while position + 8 <= len(png):
        length, kind = struct.unpack_from(">I4s", png, position)
        if kind == b"eXIf":
            return True
        position += 12 + length
    return False
