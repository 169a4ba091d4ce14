"""Lists the files below a directory or in a zip archive, without opening any of them."""

import dataclasses
import errno
import os
import pathlib
import stat
import struct
import zipfile
from collections.abc import Iterable, Iterator
from typing import IO, Self

from data_pipeline.images import image_policy
from data_pipeline.references import UNREADABLE, UNREADABLE_FOLDER
from data_pipeline.sources.locations import MEMBER_SIGNATURE, File, Location, ZipMember
from tfrecords import exits

_ENCRYPTED = 0x1  # the flag bit of a zip member
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_WINDOWS = 0  # where a zip member was made
_UTF8 = 0x800  # the flag bit of a zip member whose name says it is UTF-8
# Of a member in an archive's directory: signature, flag bits, lengths of name, extra and comment.
_DIRECTORY_HEADER = struct.Struct("<4s4xH18xHHH12x")
_DIRECTORY_SIGNATURE = b"PK\x01\x02"
LINKED_FOLDER = "linked_folder"


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A file: its path below the source, and its location or why it cannot be read."""

    path: str
    location: Location | None
    reason: str = ""
    detail: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """The names on the path."""
        return tuple(self.path.split("/"))

    def below(self, depth: int) -> Self:
        """Returns the entry without the first folders of its path."""
        if not depth:
            return self
        return dataclasses.replace(self, path="/".join(self.parts[depth:]))


def find(
    source: pathlib.Path,
    max_member_bytes: int = image_policy.MAX_BYTES,
    max_file_bytes: int | None = image_policy.MAX_BYTES,
) -> list[Entry]:
    """Returns all files of a directory or a zip archive, in the order of their paths.

    Hidden files and folders and `__MACOSX` are left out.

    Args:
      source: the directory or the archive.
      max_member_bytes: of a member of an archive, which is read whole; larger ones are refused.
      max_file_bytes: of a file of a directory; None where it is not read whole.

    Raises:
      DataError: there is no such source, it is neither, or it holds no file.
      MachineError: it cannot be read.
    """
    if not (source.is_dir() or source.is_file()):  # a pipe would keep its reader waiting
        raise exits.DataError(f"--source={source}: there is no such directory or archive.")
    try:
        entries = sorted(
            _in_directory(source, max_file_bytes)
            if source.is_dir()
            else _in_archive(source, max_member_bytes),
            key=lambda entry: entry.path.encode(errors="surrogateescape"),
        )
    except zipfile.BadZipFile as error:
        if not _begins_as_archive(source):
            raise _unreadable(source, error) from error
        raise exits.DataError(
            f"--source={source} begins as a zip archive, but cannot be read: {error}. "
            "Was the download cut off? Fetch it again."
        ) from error
    except OSError as error:
        if error.errno == errno.EINVAL:  # a place that an archive says and that cannot be
            raise _unreadable(source, error) from error
        raise exits.MachineError(
            f"--source={source} cannot be read: {error.filename or source}: {error.strerror}. "
            "Run the same command again when it can be."
        ) from error
    except (ValueError, NotImplementedError) as error:
        raise _unreadable(source, error) from error
    if not entries:
        raise exits.DataError(f"--source={source} holds no files.")
    return entries


def _unreadable(source: pathlib.Path, error: Exception) -> exits.DataError:
    return exits.DataError(
        f"--source={source} cannot be read: {error}. Use a directory or a zip archive."
    )


def _begins_as_archive(source: pathlib.Path) -> bool:
    with source.open("rb") as file:
        return file.read(len(MEMBER_SIGNATURE)) == MEMBER_SIGNATURE


def archives(found: Iterable[Entry]) -> list[str]:
    """Returns the paths of zip archives among files, which are not opened."""
    return [entry.path for entry in found if entry.path.lower().endswith(".zip")]


def named(
    root: pathlib.Path, path: str, max_bytes: int | None = image_policy.MAX_BYTES
) -> Entry | None:
    """Returns the file of a directory at a path, or None where there is none."""
    try:
        status = (root / path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        return Entry(path, None, UNREADABLE, str(error))
    return _entry(path, str((root / path).absolute()), status, max_bytes)


def _is_hidden(name: str) -> bool:
    return name == "__MACOSX" or (name.startswith(".") and name not in (".", ".."))


def _in_directory(root: pathlib.Path, max_bytes: int | None) -> Iterator[Entry]:
    begin, waiting = f"{str(root.absolute()).rstrip('/')}/", [""]
    while waiting:
        folder = waiting.pop()
        try:
            opened = os.scandir(root / folder)
        except (FileNotFoundError, PermissionError) as error:
            if not folder:
                raise
            yield Entry(folder, None, UNREADABLE_FOLDER, str(error.strerror))
            continue
        with opened as found:
            for item in found:
                if _is_hidden(item.name):
                    continue
                path = f"{folder}/{item.name}" if folder else item.name
                if item.is_dir(follow_symlinks=False):
                    waiting.append(path)
                else:
                    yield _file(path, item, begin, max_bytes)


def _file(path: str, item: os.DirEntry[str], begin: str, max_bytes: int | None) -> Entry:
    try:
        status = item.stat()
    except OSError as error:
        return Entry(path, None, UNREADABLE, str(error.strerror))
    if stat.S_ISDIR(status.st_mode):
        # They can lead round in circles.
        return Entry(path, None, LINKED_FOLDER, "links to folders are not followed")
    return _entry(path, path, status, max_bytes, begin)


def _entry(
    path: str, place: str, status: os.stat_result, max_bytes: int | None, begin: str = ""
) -> Entry:
    if not stat.S_ISREG(status.st_mode):
        return Entry(path, None, "not_a_file", stat.filemode(status.st_mode))
    if max_bytes is not None and status.st_size > max_bytes:
        return _too_large(path, status.st_size, max_bytes)
    return Entry(path, File(place, status.st_size, status.st_mtime_ns, begin))


def _in_archive(path: pathlib.Path, max_bytes: int) -> Iterator[Entry]:
    status = path.stat()
    archive = File(str(path.absolute()), status.st_size, status.st_mtime_ns)
    with path.open("rb") as file, zipfile.ZipFile(_ReadableNames(file)) as opened:
        members = [
            (name, member)
            for name, member in ((_name(member), member) for member in opened.infolist())
            if not name.endswith("/") and not any(map(_is_hidden, name.split("/")))
        ]
    # Unpacking leaves the last of several, and some file systems do not tell cases apart.
    last = {name.casefold(): member for name, member in members}
    for name, member in members:
        if last[name.casefold()] is member:
            yield _member(archive, name, member, max_bytes)
        else:
            detail = "a later member has this name, but for upper and lower case at the most"
            yield Entry(name, None, "repeated_name", detail)


def _name(member: zipfile.ZipInfo) -> str:
    """Returns the name of a member; programs on Windows may divide it by backslashes."""
    name = member.filename
    if member.create_system == _WINDOWS and "/" not in name:
        return name.replace("\\", "/")
    return name


class _ReadableNames:
    """A zip file as `zipfile` reads it, where no name claims to be UTF-8 that is not.

    One such name would make the whole archive unreadable. Without the claim it is read as old
    names are, in code page 437, which gives every byte a meaning.
    """

    def __init__(self, file: IO[bytes]):
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """Reads bytes; `zipfile` reads the archive's directory at one go."""
        data = bytearray(self._file.read(size))
        start = 0
        while start + _DIRECTORY_HEADER.size <= len(data):
            signature, flags, *lengths = _DIRECTORY_HEADER.unpack_from(data, start)
            if signature != _DIRECTORY_SIGNATURE:
                break
            name = start + _DIRECTORY_HEADER.size
            if flags & _UTF8 and not _is_utf8(bytes(data[name : name + lengths[0]])):
                struct.pack_into("<H", data, start + 8, flags & ~_UTF8)
            start = name + sum(lengths)
        return bytes(data)


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _member(archive: File, name: str, member: zipfile.ZipInfo, max_bytes: int) -> Entry:
    if name.startswith("/") or ".." in name.split("/") or (len(name) > 1 and name[1] == ":"):
        return Entry(name, None, "unsafe_name", "the name leads out of the archive")
    if stat.S_ISLNK(member.external_attr >> 16):
        return Entry(name, None, "not_a_file", "a symbolic link")
    if member.flag_bits & _ENCRYPTED or member.compress_type not in _METHODS:
        return Entry(name, None, UNREADABLE, "encrypted, or packed by an unknown method")
    if (size := max(member.file_size, member.compress_size)) > max_bytes:
        return _too_large(name, size, max_bytes)
    location = ZipMember(
        archive=archive,
        offset=member.header_offset,
        compressed_size=member.compress_size,
        size=member.file_size,
        method=member.compress_type,
        crc=member.CRC,
    )
    return Entry(name, location)


def _too_large(path: str, size: int, max_bytes: int) -> Entry:
    detail = f"{size:,} bytes, at most {max_bytes:,}"
    return Entry(path, None, image_policy.Reason.TOO_MANY_BYTES, detail)
