"""The TFRecord container without TensorFlow: length, checksum, payload, checksum.

The format is that of TensorFlow's `core/lib/io/record_writer.h`; checksums are CRC-32C, masked as
in LevelDB, so that a file of checksums can itself be checked.
"""

import hashlib
import os
import pathlib
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import IO, BinaryIO, Self

import google_crc32c

from tfrecords import exits

_LENGTH = struct.Struct("<Q")
_CHECKSUM = struct.Struct("<I")
FOOTER_BYTES = _CHECKSUM.size
HEADER_BYTES = _LENGTH.size + FOOTER_BYTES
_MASK_DELTA = 0xA282EAD8
_BUFFER_BYTES = 1 << 20  # 1 MiB


def masked_crc32c(data: bytes) -> int:
    """Returns the masked CRC-32C of `data`, an unsigned 32-bit integer."""
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


def frame(payload: bytes) -> bytes:
    """Returns `payload` as it stands in a TFRecord file, 16 bytes longer."""
    length = _LENGTH.pack(len(payload))
    return b"".join(
        (
            length,
            _CHECKSUM.pack(masked_crc32c(length)),
            payload,
            _CHECKSUM.pack(masked_crc32c(payload)),
        )
    )


class RecordWriter:
    """Writes one TFRecord file and knows its `records`, `num_bytes` and `sha256` so far.

    The caller names the file and renames it: a writer that is left by an exception leaves a file
    that must not be taken for a shard. Leaving it in peace syncs the file to the disk.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self._file: BinaryIO = open(path, "wb", buffering=_BUFFER_BYTES)  # noqa: PTH123, SIM115
        self._sha256 = hashlib.sha256()
        self.records = 0
        self.num_bytes = 0

    @property
    def sha256(self) -> str:
        """The hexadecimal sha256 of all that has been written."""
        return self._sha256.hexdigest()

    def write(self, payload: bytes) -> None:
        """Appends one record."""
        framed = frame(payload)
        self._file.write(framed)
        self._sha256.update(framed)
        self.records += 1
        self.num_bytes += len(framed)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._file.flush()
                os.fsync(self._file.fileno())
        finally:
            self._file.close()


def read_records(path: str | os.PathLike[str]) -> Iterator[bytes]:
    """Yields the payloads of a TFRecord file, each with both checksums checked.

    Raises:
      DataError: naming the file and the index of the first record that is cut or damaged.
    """
    with pathlib.Path(path).open("rb", buffering=_BUFFER_BYTES) as file:
        size, index = os.fstat(file.fileno()).st_size, 0
        while file.tell() < size:
            yield _read_payload(file, size, f"Record {index} of {os.fspath(path)}")
            index += 1


def read_record(path: str | os.PathLike[str], offset: int) -> bytes:
    """Returns the payload of the record that begins at a byte, with both checksums checked.

    Raises:
      DataError: no whole record begins there.
      OSError: the file cannot be read.
    """
    with pathlib.Path(path).open("rb", buffering=0) as file:
        file.seek(offset)
        size = os.fstat(file.fileno()).st_size
        return _read_payload(file, size, f"The record at byte {offset} of {os.fspath(path)}")


def offsets(path: str | os.PathLike[str]) -> Iterator[int]:
    """Yields where the records of a TFRecord file begin, in bytes; no payload is read.

    Raises:
      DataError: naming the file and the index of the first record that is cut or whose length is
        damaged.
    """
    with pathlib.Path(path).open("rb", buffering=_BUFFER_BYTES) as file:
        size, index, offset = os.fstat(file.fileno()).st_size, 0, 0
        while offset < size:
            length = _read_length(file, size, f"Record {index} of {os.fspath(path)}")
            yield offset
            index, offset = index + 1, offset + HEADER_BYTES + length + FOOTER_BYTES
            file.seek(offset)


def length_of(header: bytes) -> int | None:
    """Returns the length of the payload that follows a header, or None where it is damaged."""
    length, checksum = header[: _LENGTH.size], header[_LENGTH.size :]
    if len(header) < HEADER_BYTES or _CHECKSUM.pack(masked_crc32c(length)) != checksum:
        return None
    return int(_LENGTH.unpack(length)[0])


def is_whole(payload: bytes, footer: bytes) -> bool:
    """Tells whether a payload has the checksum that follows it."""
    return _CHECKSUM.pack(masked_crc32c(payload)) == footer


def _read_payload(file: IO[bytes], size: int, record: str) -> bytes:
    payload, checksum = file.read(_read_length(file, size, record)), file.read(FOOTER_BYTES)
    if not is_whole(payload, checksum):
        raise exits.DataError(f"{record} fails its checksum.")
    return payload


def _read_length(file: IO[bytes], size: int, record: str) -> int:
    """Returns the length of the payload that follows, all of which lies in the file of `size`."""
    length = length_of(file.read(HEADER_BYTES))
    if length is None:
        raise exits.DataError(f"{record} has a damaged header.")
    if file.tell() + length + FOOTER_BYTES > size:
        raise exits.DataError(f"{record} is cut off.")
    return length
