"""Where the bytes of an image lie: in a file, in a zip archive, in a record, or nowhere yet.

A location is small, can be pickled, and is read by the worker that needs its bytes.
"""

import contextlib
import dataclasses
import functools
import hashlib
import os
import pathlib
import struct
import zipfile
import zlib
from collections.abc import Sequence
from typing import ClassVar, Protocol

from data_pipeline.sample import painter
from tfrecords import example, exits, framing

MEMBER_SIGNATURE = b"PK\x03\x04"  # that a member of a zip archive begins with
_LOCAL_HEADER = struct.Struct("<26xHH")  # of a member: lengths of name and extra
_OPEN_ARCHIVES = 8  # that stay open; opening one costs as much as reading an image

# Of a photograph on a local disk: to open, read, hash, decode, scale down and encode it.
# Unpacking a member of an archive costs no more than opening a file.
_READ_SECONDS = 0.005


class Location(Protocol):
    """What can be read.

    Attributes:
      read_seconds: about how long that takes, with a look at the picture.
      is_quick: whether it takes no longer than to read what was kept of it.
    """

    read_seconds: ClassVar[float]
    is_quick: ClassVar[bool]

    @property
    def fingerprint(self) -> str:
        """Changes when the bytes may have changed; what was found out is kept under it."""
        ...

    def read(self) -> bytes:
        """Returns the bytes.

        Raises:
          OSError: they cannot be read.
        """
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class File:
    """A file of a directory.

    Attributes:
      name: its path, or what follows `folder`.
      size, mtime_ns: in bytes, and as they were when it was listed.
      folder: the beginning of its path, if many files have it in common: one text serves them all.
    """

    read_seconds: ClassVar[float] = _READ_SECONDS
    is_quick: ClassVar[bool] = True

    name: str
    size: int
    mtime_ns: int
    folder: str = ""

    @property
    def path(self) -> str:
        """Where it lies."""
        return self.folder + self.name

    @property
    def fingerprint(self) -> str:
        """Path, size and time of the last change."""
        return f"{self.path}|{self.size}|{self.mtime_ns}"

    def read(self) -> bytes:
        """Reads the file."""
        # pathlib takes twice as long.
        with open(self.path, "rb", buffering=0, opener=_without_waiting) as file:
            return file.read() or b""


@dataclasses.dataclass(frozen=True, slots=True)
class ZipMember:
    """A member of a zip archive, read by its offset: no worker loads the archive's directory."""

    read_seconds: ClassVar[float] = _READ_SECONDS
    is_quick: ClassVar[bool] = True

    archive: File
    offset: int
    compressed_size: int
    size: int
    method: int
    crc: int

    @property
    def fingerprint(self) -> str:
        """That of the archive, and the place in it."""
        return f"{self.archive.fingerprint}|{self.offset}"

    def read(self) -> bytes:
        """Reads and unpacks the member; never more than the size it was listed with."""
        data = self._packed()
        if self.method == zipfile.ZIP_DEFLATED:
            data = _inflate(data, self.size)
        if len(data) != self.size or zlib.crc32(data) != self.crc:
            raise OSError(f"the member at byte {self.offset} of {self.archive.path} is damaged")
        return data

    def _packed(self) -> bytes:
        """Reads the member as it lies in the archive; less than that where the archive ends."""
        archive = _opened(self.archive)
        header = archive.read(self.offset, _LOCAL_HEADER.size)
        if not header.startswith(MEMBER_SIGNATURE) or len(header) < _LOCAL_HEADER.size:
            raise OSError(f"no member begins at byte {self.offset} of {self.archive.path}")
        start = self.offset + _LOCAL_HEADER.size + sum(_LOCAL_HEADER.unpack(header))
        return archive.read(start, self.compressed_size)


class _OpenFile:
    """A file that is read by offset, by several threads; closed when nobody holds it any more."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)

    def read(self, offset: int, num_bytes: int) -> bytes:
        """Returns bytes from an offset on; fewer where the file ends."""
        data = b""
        while len(data) < num_bytes:  # the system gives 2 GiB at a time, at most
            more = os.pread(self._descriptor, num_bytes - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):  # it could not be opened
            os.close(self._descriptor)


@functools.lru_cache(maxsize=_OPEN_ARCHIVES)
def _opened(archive: File) -> _OpenFile:
    return _OpenFile(archive.path)


@dataclasses.dataclass(frozen=True)
class RecordImage:
    """The image in a record of a TFRecord file, read by the record's offset in bytes."""

    read_seconds: ClassVar[float] = _READ_SECONDS
    is_quick: ClassVar[bool] = True

    file: File
    offset: int
    feature: str

    @property
    def fingerprint(self) -> str:
        """That of the file, and the place in it."""
        return f"{self.file.fingerprint}|{self.offset}"

    def read(self) -> bytes:
        """Reads the record, checks it, and returns its image."""
        try:
            record = example.decode(framing.read_record(self.file.path, self.offset))
        except exits.DataError as error:
            raise OSError(str(error)) from error
        (image,) = record[self.feature]
        return bytes(image)  # type: ignore[arg-type]


@dataclasses.dataclass(frozen=True)
class Painting:
    """A picture of the embedded sample, painted when it is read."""

    read_seconds: ClassVar[float] = 0.008
    is_quick: ClassVar[bool] = False

    content: str
    fake: bool
    seed: int
    index: int

    @property
    def fingerprint(self) -> str:
        """What is painted, and the code that paints it."""
        return f"{_painter_digest()}|{self.content}|{self.fake}|{self.seed}|{self.index}"

    def read(self) -> bytes:
        """Paints the picture."""
        return painter.paint(self.content, self.fake, self.seed, self.index)


def _without_waiting(path: str, flags: int) -> int:
    """Opens a file; of what has become a pipe since it was listed, nothing is waited for."""
    return os.open(path, flags | os.O_NONBLOCK)


def is_outdated(fingerprint: str, source: pathlib.Path) -> bool:
    """Tells whether a fingerprint is of a file of `source` that is gone or has changed.

    Other sources may be on a disk that is not there at the moment: theirs are not judged.
    """
    root = str(source.absolute())
    if not fingerprint.startswith((f"{root}/", f"{root}|")):
        return False
    return not any(_is_still(fingerprint.rsplit("|", fields)) for fields in (2, 3))


def _is_still(parts: Sequence[str]) -> bool:
    path, *numbers = parts
    try:
        status = pathlib.Path(path).stat()
        return [int(number) for number in numbers[:2]] == [status.st_size, status.st_mtime_ns]
    except (OSError, ValueError):
        return False


def _inflate(data: bytes, size: int) -> bytes:
    try:
        # 0 would mean without a limit.
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, size or 1)
    except zlib.error as error:
        raise OSError(f"the member cannot be unpacked: {error}") from error


@functools.cache
def _painter_digest() -> str:
    modules = sorted(pathlib.Path(painter.__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(module.read_bytes() for module in modules)).hexdigest()
