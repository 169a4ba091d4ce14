"""What can still be read of a damaged TFRecord file.

After a damaged place the next record is found by its header: the checksum of the length holds
there, and one place in four billion where it does by chance. So a flipped byte costs one record.
Sectors that the disk cannot read are taken for zeros, which no checksum allows.
"""

import dataclasses
import errno
import os
import pathlib
import re
from collections.abc import Iterator

from tfrecords import framing

_SECTOR_BYTES = 4096
_CHUNK_BYTES = 1 << 20  # 1 MiB
# Lengths below 4 GiB end in four zeros; overlapping places are all found.
_LIKE_A_HEADER = re.compile(rb"(?=.{4}\0{4}.{4})", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Gap:
    """A damaged place: one record, or all from a damaged header to the next one that is whole.

    Attributes:
      offset: where it begins, in bytes.
      size: in bytes.
      problem: what is wrong there.
      payload: the bytes that failed their checksum; empty where the record's end is not known.
    """

    offset: int
    size: int
    problem: str
    payload: bytes = b""


def read_records(path: str | os.PathLike[str]) -> Iterator[bytes | Gap]:
    """Yields the payloads of a TFRecord file whose checksums hold, and the gaps between them.

    Raises:
      OSError: the file cannot be opened.
    """
    with pathlib.Path(path).open("rb", buffering=0) as file:
        descriptor, size, offset = file.fileno(), os.fstat(file.fileno()).st_size, 0
        while offset < size:
            found, offset = _read_one(descriptor, offset, size)
            yield found


def _read_one(descriptor: int, offset: int, size: int) -> tuple[bytes | Gap, int]:
    """Returns what lies at an offset, and where it ends."""
    start = offset + framing.HEADER_BYTES
    length = framing.length_of(_read(descriptor, framing.HEADER_BYTES, offset))
    if length is None:
        end = _find_header(descriptor, offset + 1, size)
        return Gap(offset, end - offset, "has a damaged header"), end
    end = start + length + framing.FOOTER_BYTES
    if end > size:
        end = _find_header(descriptor, start, size)
        return Gap(offset, end - offset, "is cut off"), end
    framed = _read(descriptor, end - start, start)
    payload, footer = framed[:length], framed[length:]
    if framing.is_whole(payload, footer):
        return payload, end
    # Where bytes are missing from it, the next record begins before its end.
    end = _find_header(descriptor, start, end)
    return Gap(offset, end - offset, "fails its checksum", payload), end


def _find_header(descriptor: int, start: int, end: int) -> int:
    """Returns the first place from `start` on where a record begins that fits, or `end`."""
    size = os.fstat(descriptor).st_size
    for chunk_start in range(start, end, _CHUNK_BYTES):
        num_bytes = _CHUNK_BYTES + framing.HEADER_BYTES - 1
        chunk = _read(descriptor, num_bytes, chunk_start)
        for match in _LIKE_A_HEADER.finditer(chunk):
            place = match.start()
            length = framing.length_of(chunk[place : place + framing.HEADER_BYTES])
            extent = framing.HEADER_BYTES + framing.FOOTER_BYTES
            offset = chunk_start + place
            if offset < end and length is not None and offset + extent + length <= size:
                return offset
    return end


def _read(descriptor: int, num_bytes: int, offset: int) -> bytes:
    """Reads as much as the file has; zeros where the disk fails."""
    try:
        return _read_fully(descriptor, num_bytes, offset)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
    parts = []
    end = min(offset + num_bytes, os.fstat(descriptor).st_size)
    while offset < end:
        part_size = min(_SECTOR_BYTES - offset % _SECTOR_BYTES, end - offset)
        try:
            parts.append(_read_fully(descriptor, part_size, offset))
        except OSError:
            parts.append(bytes(part_size))
        offset += part_size
    return b"".join(parts)


def _read_fully(descriptor: int, num_bytes: int, offset: int) -> bytes:
    parts = []
    while num_bytes and (part := os.pread(descriptor, num_bytes, offset)):
        parts.append(part)
        num_bytes, offset = num_bytes - len(part), offset + len(part)
    return b"".join(parts)
