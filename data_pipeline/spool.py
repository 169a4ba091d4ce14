"""What images become, kept on disk from the scan on until their shards are written.

In which order records stand is known only when all files have been looked at. What a look has
decoded and encoded is kept meanwhile, so that no image is decoded twice. The bytes lie in TFRecord
files, one for each batch of the scan, and beside each a file of JSON lines says where. Whatever is
not there or damaged is made again from the source.
"""

import contextlib
import dataclasses
import json
import pathlib
import secrets
import shutil
from collections.abc import Callable, Iterator
from typing import Any

from data_pipeline import faults
from data_pipeline.images.image_policy import Stored
from tfrecords import exits, framing

_RECORDS, _INDEX = ".records", ".jsonl"


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """What is stored of an image, and where its bytes lie.

    Attributes:
      file: absolute.
      offset: of a record in the file, in bytes; None where the bytes are those of the image's file.
      width, height: in pixels.
      is_repaired: see `image_policy.Stored`.
    """

    file: str
    offset: int | None
    width: int
    height: int
    is_repaired: bool

    @property
    def is_original(self) -> bool:
        """Whether the bytes are those of the image's file."""
        return self.offset is None

    def read(self) -> Stored | None:
        """Returns what is stored; None where it is gone, damaged, or the image's file itself."""
        if self.offset is None:
            return None
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


Put = Callable[[str, Stored], None]


@contextlib.contextmanager
def writer(room: Room | None) -> Iterator[Put]:
    """Keeps what is stored of a batch of images, while there is room; nothing where it is None.

    What a killed process leaves is never found, and goes with the directory.

    Yields:
      What keeps one, under the fingerprint of its image's location.
    """
    if room is None or not room.is_left:
        yield lambda fingerprint, stored: None
        return
    path = pathlib.Path(room.directory) / secrets.token_hex(8)
    lines: list[str] = []

    def put(fingerprint: str, stored: Stored) -> None:
        fields = {
            "fingerprint": fingerprint,
            "offset": None if stored.is_original else file.tell(),
            "width": stored.width,
            "height": stored.height,
            "is_repaired": stored.is_repaired,
        }
        if not stored.is_original:
            file.write(framing.frame(stored.jpeg))
        lines.append(json.dumps(fields, separators=(",", ":")) + "\n")

    with path.with_suffix(_RECORDS).open("wb") as file:
        yield put
    faults.before("write")
    path.with_suffix(_INDEX).write_text("".join(lines), encoding="utf-8")


class Spool:
    """What lies in a directory, which need not be there."""

    def __init__(self, directory: pathlib.Path) -> None:
        self._directory = directory
        self._places: dict[str, Place] = {}
        for path in sorted(directory.glob(f"*{_INDEX}")):
            file = str(path.with_suffix(_RECORDS))
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                self._add(file, line)

    def _add(self, file: str, line: str) -> None:
        with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError):  # cut by a kill
            fields: dict[str, Any] = json.loads(line)
            fingerprint = fields.pop("fingerprint")
            self._places[fingerprint] = Place(file, **fields)

    def find(self, fingerprint: str) -> Place | None:
        """Returns what is kept under the fingerprint of a location."""
        return self._places.get(fingerprint)

    def clear(self) -> None:
        """Removes all of it."""
        self._places = {}
        faults.before("remove")
        shutil.rmtree(self._directory, ignore_errors=True)
