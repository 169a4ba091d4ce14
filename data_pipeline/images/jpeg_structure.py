"""The segments of a JPEG (ITU-T T.81, annex B), found without decoding it."""

import collections
import dataclasses
import re
import struct

MAX_SCANS = 100  # a few bytes make a scan that costs a pass over all pixels; encoders write ten

_SOF0, _DHT, _EOI, _SOS, _DQT, _DRI = 0xC0, 0xC4, 0xD9, 0xDA, 0xDB, 0xDD
_APP0, _APP14, _APP15, _COM = 0xE0, 0xEE, 0xEF, 0xFE
_TABLES = frozenset({_DHT, _DQT, _DRI, _COM, *range(_APP0, _APP15 + 1)})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {_DHT, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, _EOI)})
_MARKER = re.compile(rb"\xff+([^\x00\xff])", re.DOTALL)
_MARKER_IN_SCAN = re.compile(rb"\xff([^\x00])", re.DOTALL)
_MARKER_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7]", re.DOTALL)
SEQUENTIAL = frozenset({0xC0, 0xC1})  # frames that are coded by Huffman's method
PROGRESSIVE = frozenset({0xC2})
_ALL_COEFFICIENTS = (1 << 64) - 1


@dataclasses.dataclass
class Segments:
    """The segments of a JPEG, found as libjpeg finds them: it skips what is no marker.

    Attributes:
      data: the file.
      tables: marker and payload of each segment that is no frame and no scan.
      frames: marker and payload of each frame header.
      scans: of each scan its header's payload, and where its coded data begin and end.
      end: where the file ends for a decoder, behind the end marker; None where it has none.
      is_tidy: segment follows segment, and none is strange.
    """

    data: bytes
    tables: list[tuple[int, bytes]] = dataclasses.field(default_factory=list)
    frames: list[tuple[int, bytes]] = dataclasses.field(default_factory=list)
    scans: list[tuple[bytes, int, int]] = dataclasses.field(default_factory=list)
    end: int | None = None
    is_tidy: bool = True

    @property
    def has_end(self) -> bool:
        """Whether it has an end marker."""
        return self.end is not None

    @property
    def has_restarts(self) -> bool:
        """Whether it says that its coded data are cut into intervals."""
        return any(marker == _DRI for marker, _ in self.tables)

    def is_plain(self, size: tuple[int, int]) -> bool:
        """Whether any decoder reads it alike: one baseline scan of YCbCr and nothing unusual."""
        return (
            self.is_tidy
            and self.end == len(self.data)
            and len(self.scans) == len(self.frames) == 1
            and _is_plain_frame(*self.frames[0], size)
            and _is_plain_scan(self.scans[0][0])
            and self.scans[0][2] == len(self.data) - 2
            and all(_is_plain_table(*table) for table in self.tables)
            and any(marker == _DHT for marker, _ in self.tables)
            and self.has_all_restarts()
        )

    def has_all_restarts(self) -> bool:
        """Whether a lone scan of all components has just the restart markers it should have."""
        _, start, end = self.scans[0]
        found = b"".join(_MARKER_IN_SCAN.findall(self.data, start, end))
        interval = 0
        for marker, payload in self.tables:
            if marker == _DRI:
                interval = int.from_bytes(payload)
        num_expected = (_num_mcus(self.frames[0][1]) - 1) // interval if interval else 0
        return len(found) == num_expected and found == bytes(
            0xD0 + index % 8 for index in range(num_expected)
        )

    def has_all_coefficients(self) -> bool:
        """Whether its scans together hold every bit of every coefficient."""
        held: collections.Counter[int] = collections.Counter()
        for scan, _, _ in self.scans:
            first, last, approximation = scan[-3:]
            if approximation & 0x0F == 0:
                for component in scan[1 : 1 + 2 * scan[0] : 2]:
                    held[component] |= (2 << last) - (1 << first)
        components = self.frames[0][1][6::3]
        return all(held[component] == _ALL_COEFFICIENTS for component in components)


def read(data: bytes) -> Segments:
    """Returns the segments of a JPEG, up to its end marker or to where it breaks off.

    Raises:
      ValueError: it has more than `MAX_SCANS` scans.
    """
    found = Segments(data)
    position = 2
    while match := _MARKER.search(data, position):
        marker = match[1][0]
        found.is_tidy &= match.end() == position + 2 and marker not in _WITHOUT_LENGTH
        position = match.end()
        if marker == _EOI:
            found.end = position
            break
        if marker in _WITHOUT_LENGTH:
            continue
        length = int.from_bytes(data[position : position + 2])
        payload = data[position + 2 : position + length]
        position += length
        if length < 2 or position > len(data):
            found.is_tidy = False
            break
        if marker == _SOS:
            after = _MARKER_AFTER_SCAN.search(data, position)
            end = after.start() if after else len(data)
            found.scans.append((payload, position, end))
            position = end
        elif marker in _FRAMES:
            found.frames.append((marker, payload))
        else:
            found.tables.append((marker, payload))
        if len(found.scans) > MAX_SCANS:
            raise ValueError(f"more than {MAX_SCANS} scans")
    return found


def _is_plain_frame(marker: int, frame: bytes, size: tuple[int, int]) -> bool:
    if marker != _SOF0 or len(frame) != 15:
        return False
    precision, height, width, num_components = struct.unpack_from(">BHHB", frame)
    return (
        (precision, width, height, num_components) == (8, *size, 3)
        and frame[6::3] == b"\1\2\3"  # other names can mean RGB
        and frame[7] in (0x11, 0x12, 0x21, 0x22, 0x41)  # across and down, of luma
        and frame[10] == frame[13] == 0x11
    )


def _is_plain_scan(scan: bytes) -> bool:
    return len(scan) == 10 and (scan[0], scan[1:7:2], scan[7:]) == (3, b"\1\2\3", b"\0\x3f\0")


def _is_plain_table(marker: int, payload: bytes) -> bool:
    if marker == _APP14 and payload.startswith(b"Adobe"):
        return payload[11:12] == b"\1"  # YCbCr
    return marker in _TABLES and (marker != _DRI or len(payload) == 2)


def _num_mcus(frame: bytes) -> int:
    height, width = struct.unpack_from(">HH", frame, 1)
    across = max(sampling >> 4 for sampling in frame[7::3])
    down = max(sampling & 0x0F for sampling in frame[7::3])
    return -(-width // (8 * across)) * -(-height // (8 * down))
