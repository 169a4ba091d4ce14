"""What images become, kept on disk from the scan on until their shards are written.

In which order records stand is known only when all files have been looked at. What a look has
decoded and encoded is kept meanwhile, so that no image is decoded twice. The bytes lie in TFRecord
files, one for each batch of the scan, and beside each a file of JSON lines says where. Whatever is
not there or damaged is made again from the source.
"""

import dataclasses
import json
import pathlib
import secrets
import shutil
from types import TracebackType
from typing import Any, Self

from data_pipeline import faults
from data_pipeline.images.image_policy import Stored
from tfrecords import exits, framing

_RECORDS, _INDEX = ".records", ".jsonl"


@dataclasses.dataclass(frozen=True)
class Place:
    """What is stored of an image, and where its bytes lie.

    Attributes:
      file: absolute; empty where the bytes are those of the image's file.
      offset: of a record in the file, in bytes.
      width, height: in pixels.
      is_repaired: see `image_policy.Stored`.
    """

    file: str
    offset: int
    width: int
    height: int
    is_repaired: bool

    @property
    def is_original(self) -> bool:
        """Whether the bytes are those of the image's file."""
        return not self.file

    def read(self) -> Stored | None:
        """Returns what is stored; None where it is gone or damaged."""
        try:
            jpeg = framing.read_record(self.file, self.offset)
        except (OSError, exits.DataError):
            return None
        return Stored(jpeg, self.width, self.height, False, self.is_repaired)


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


class Writer:
    """Keeps what is stored of a batch of images, while there is room; none where it is None.

    What a killed process leaves is never found, and goes with the directory.
    """

    def __init__(self, room: Room | None) -> None:
        self._is_open = room is not None and room.is_left
        if room is None or not self._is_open:
            return
        self._path = pathlib.Path(room.directory) / secrets.token_hex(8)
        self._file = self._path.with_suffix(_RECORDS).open("wb")
        self._lines: list[str] = []

    def put(self, fingerprint: str, stored: Stored) -> None:
        """Keeps what is stored of an image, under the fingerprint of its location."""
        if not self._is_open:
            return
        place = Place(
            "" if stored.is_original else self._path.with_suffix(_RECORDS).name,
            self._file.tell(),
            stored.width,
            stored.height,
            stored.is_repaired,
        )
        if not stored.is_original:
            self._file.write(framing.frame(stored.jpeg))
        line = {"fingerprint": fingerprint, **dataclasses.asdict(place)}
        self._lines.append(json.dumps(line, separators=(",", ":")) + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._is_open:
            return
        self._file.close()
        if kind is None:
            faults.before("write")
            self._path.with_suffix(_INDEX).write_text("".join(self._lines), encoding="utf-8")


class Spool:
    """What lies in a directory, which need not be there."""

    def __init__(self, directory: pathlib.Path) -> None:
        self._directory = directory
        self._places: dict[str, Place] = {}
        for path in sorted(directory.glob(f"*{_INDEX}")):
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                self._add(line)

    def _add(self, line: str) -> None:
        try:
            fields: dict[str, Any] = json.loads(line)
            fingerprint = fields.pop("fingerprint")
            place = Place(**fields)
            path = str(self._directory / place.file) if place.file else ""
            self._places[fingerprint] = dataclasses.replace(place, file=path)
        except (AttributeError, KeyError, TypeError, ValueError):  # cut by a kill
            return

    def find(self, fingerprint: str) -> Place | None:
        """Returns what is kept under the fingerprint of a location."""
        return self._places.get(fingerprint)

    def clear(self) -> None:
        """Removes all of it."""
        self._places = {}
        faults.before("remove")
        shutil.rmtree(self._directory, ignore_errors=True)
