"""What images become, kept on disk from the scan on until their shards are written.

In which order records stand is known only when all files have been looked at. What a look has
decoded and encoded is kept meanwhile, so that no image is decoded twice. The bytes lie in TFRecord
files, one for each decoder and batch of the scan, and for each batch a file of JSON lines says
where. Whatever is not there or damaged is made again from the source.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import secrets
import shutil
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

from data_pipeline import faults
from data_pipeline.images.image_policy import Stored
from tfrecords import exits, framing

_RECORDS, _INDEX = ".records", ".jsonl"


class Place(NamedTuple):
    """What is stored of an image, and where its bytes lie.

    Attributes:
      file: absolute.
      offset: of a record in the file, in bytes; None where the bytes are read from the image's
        file again.
      width, height: in pixels.
      is_original, is_repaired: see `image_policy.Stored`.
    """

    file: str
    offset: int | None
    width: int
    height: int
    is_original: bool
    is_repaired: bool

    def read(self) -> Stored | None:
        """Returns what is stored; None where it is gone, damaged, or in the image's file."""
        if self.offset is None:
            return None
        try:
            jpeg = framing.read_record(self.file, self.offset)
        except (OSError, exits.DataError):
            return None
        return self.stored(jpeg)

    def stored(self, jpeg: bytes) -> Stored:
        """Returns what is stored with these bytes."""
        return Stored(jpeg, self.width, self.height, self.is_original, self.is_repaired)


@dataclasses.dataclass(frozen=True)
class Room:
    """Where things may be kept: an absolute directory, and how many bytes must stay free there."""

    directory: str
    min_free_bytes: int

    @property
    def is_left(self) -> bool:
        """Whether the disk has that much."""
        return shutil.disk_usage(self.directory).free >= self.min_free_bytes


def prepare(directory: pathlib.Path) -> Room:
    """Makes a directory, if it is not there, for half of what its disk has free.

    The other half is for the shards, which will be about as large.
    """
    directory.mkdir(parents=True, exist_ok=True)
    return Room(str(directory), shutil.disk_usage(directory).free // 2)


def begin(room: Room | None) -> str | None:
    """Returns how the files of a batch of images begin; None where there is no room for them."""
    if room is None or not room.is_left:
        return None
    return str(pathlib.Path(room.directory) / secrets.token_hex(8))


def keep(batch: str, stored: Stored, is_quick: bool) -> Place | None:
    """Keeps what is stored of an image; returns where, or None if the disk refuses.

    What a process keeps that is killed before `finish` is never found, and goes with the directory.

    Args:
      batch: see `begin`.
      stored: of the image.
      is_quick: whether the image's own file is there to be read again.
    """
    file, offset = "", None
    if not (stored.is_original and is_quick):
        file = f"{batch}-{os.getpid()}{_RECORDS}"
        try:
            offset = _append(file, framing.frame(stored.jpeg))
        except OSError:
            return None
    return Place(file, offset, stored.width, stored.height, stored.is_original, stored.is_repaired)


def _append(path: str, content: bytes) -> int:
    """Returns where the content begins."""
    with open(path, "ab", buffering=0) as file:  # noqa: PTH123  # quicker than pathlib
        offset = file.tell()
        if file.write(content) < len(content):
            raise OSError(f"no room for {len(content)} bytes")
    return offset


def finish(batch: str, places: Mapping[str, Place]) -> None:
    """Lets what a batch has kept be found, by the fingerprints of the images' locations."""
    lines = (
        json.dumps({"fingerprint": fingerprint, **place._asdict()}) + "\n"
        for fingerprint, place in places.items()
    )
    faults.before("write")
    pathlib.Path(f"{batch}{_INDEX}").write_text("".join(lines), encoding="utf-8")


class Spool:
    """What lies in a directory, which need not be there."""

    def __init__(self, directory: pathlib.Path) -> None:
        self._directory = directory
        self._places: dict[str, Place] = {}
        for path in sorted(directory.glob(f"*{_INDEX}")):
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                self._add(line)

    def _add(self, line: str) -> None:
        with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError):  # cut by a kill
            fields: dict[str, Any] = json.loads(line)
            fingerprint = fields.pop("fingerprint")
            fields["file"] = sys.intern(fields["file"])  # few files hold many
            self._places[fingerprint] = Place(**fields)

    def find(self, fingerprint: str) -> Place | None:
        """Returns what is kept under the fingerprint of a location."""
        return self._places.get(fingerprint)

    def clear(self) -> None:
        """Removes all of it."""
        self._places = {}
        faults.before("remove")
        shutil.rmtree(self._directory, ignore_errors=True)
