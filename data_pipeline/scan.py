"""A look at each file: size, hash, header, picture. What was found is kept for the next build.

The look makes what is stored of a file as well, which is kept in a `spool` until it is written.

The results of a scan are files of JSON lines, one for each batch of references. They are kept under
the fingerprint of the file's location, so that a file that has changed is looked at again.
"""

import contextlib
import dataclasses
import hashlib
import itertools
import json
import pathlib
import sys
from collections.abc import Callable, Iterable, Sequence

from data_pipeline import faults, references, spool
from data_pipeline.images import decoder
from data_pipeline.images.appearance import Appearance
from data_pipeline.images.image_policy import Reason, Rejection, Stored
from data_pipeline.isolation import calls
from data_pipeline.references import UNREADABLE, Facts, Reference, Reject
from data_pipeline.running import attempt

VERSION = 3  # changes when `look` finds more or other facts
BATCH_REFERENCES = 128  # the unit of work; some tenths of a second
_SUFFIX = ".jsonl"
# Reasons that may lie in the machine, or be gone with the next version of a decoder.
_MAY_PASS = frozenset({UNREADABLE, Reason.OUT_OF_MEMORY, Reason.CRASHED, Reason.TIMEOUT})


Found = tuple[Facts | Reject, Stored | None]


@dataclasses.dataclass(frozen=True)
class Batch:
    """References to be looked at by one worker at one go.

    Attributes:
      references: what is looked at.
      directory: where facts are left.
      image_size: at which images are stored, in pixels.
      room: where what is stored is left; None where it is not wanted.
    """

    references: tuple[Reference, ...]
    directory: str
    image_size: int
    room: spool.Room | None = None


def scan(batch: Batch) -> int:
    """Looks at the references of a batch; returns how many, once their facts are on disk."""
    faults.before("scan")
    lines = []
    with spool.writer(batch.room) as put:
        looks = calls.ahead(
            decoder.PROGRAM, lambda reference: look(reference, batch.image_size), batch.references
        )
        for reference, (found, stored) in looks:
            if stored:
                put(reference.location.fingerprint, stored)
            lines.append(_line(reference.location.fingerprint, found))
    _save(pathlib.Path(batch.directory), lines)
    return len(lines)


def _save(directory: pathlib.Path, lines: Sequence[str]) -> pathlib.Path:
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    # The number of references is in the name, so that progress is counted without opening files.
    name = f"{digest[:32]}-{len(lines)}{_SUFFIX}"
    temporary = attempt.temporary(directory / name)
    faults.before("write")
    temporary.write_text("".join(lines), encoding="utf-8")
    faults.before("rename")
    temporary.replace(directory / name)
    return directory / name


def look(reference: Reference, image_size: int) -> Callable[[], Found]:
    """Reads a file and has it decoded; returns what waits for that.

    It gives the facts of the file, or why it cannot be used; and what is stored of it, without its
    bytes where these are the file's own.
    """
    data = references.read(reference)
    if isinstance(data, Reject):
        reject = data
        return lambda: (reject, None)
    looked = calls.submit(decoder.PROGRAM, "look", data, image_size)
    sha256 = hashlib.sha256(data).hexdigest()  # meanwhile
    num_bytes = len(data)
    return lambda: _found(reference, sha256, num_bytes, looked.result())


def _found(
    reference: Reference, sha256: str, num_bytes: int, found: Appearance | Rejection
) -> Found:
    if isinstance(found, Rejection):
        return Reject(reference.image_id, found.reason, found.detail), None
    header = found.header
    facts = Facts(
        sha256=sha256,
        num_bytes=num_bytes,
        format=header.format,
        mode=header.mode,
        width=header.width,
        height=header.height,
        signature=found.signature,
        quality=found.encoding.quality,
        subsampling=found.encoding.subsampling,
        progressive=found.encoding.progressive,
        exif=found.encoding.exif,
        red=found.colours.red,
        green=found.colours.green,
        blue=found.colours.blue,
        grey=found.colours.grey,
        histogram=found.colours.histogram,
    )
    return facts, found.stored


def _line(fingerprint: str, found: Facts | Reject) -> str:
    fields = dataclasses.asdict(found)
    fields.pop("image_id", None)  # the same file may be listed under another root
    return json.dumps({"fingerprint": fingerprint, **fields}, separators=(",", ":")) + "\n"


def _parsed(line: str) -> tuple[str, Facts | Reject] | None:
    """Returns fingerprint and content of a line, a reject without its image_id; None of others."""
    try:
        fields = json.loads(line)
        fingerprint = fields.pop("fingerprint")
        if "reason" in fields:
            return fingerprint, Reject("", **fields)
        for name in ("format", "mode", "subsampling"):
            fields[name] = sys.intern(fields[name])  # few values of many files
        return fingerprint, Facts(**fields)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _may_pass(found: Facts | Reject | None) -> bool:
    return isinstance(found, Reject) and found.reason in _MAY_PASS


class Known:
    """What earlier scans have found, kept in a directory. What may pass is forgotten.

    `earlier` is a directory that is read too, if it is there, and never written to.
    """

    def __init__(self, directory: pathlib.Path, earlier: pathlib.Path | None = None):
        self.directory = directory
        self._sources = (directory,) if earlier is None else (earlier, directory)
        directory.mkdir(parents=True, exist_ok=True)
        self._found: dict[str, Facts | Reject] = {}
        self.reload()
        self._found = {key: found for key, found in self._found.items() if not _may_pass(found)}

    def reload(self) -> None:
        """Reads all files again. A line that cannot be read was never found."""
        for path in (path for source in self._sources for path in _files(source)):
            with (
                contextlib.suppress(FileNotFoundError),  # a build has just put it into another file
                path.open(encoding="utf-8", errors="replace") as file,
            ):
                for fingerprint, found in filter(None, map(_parsed, file)):
                    if not _may_pass(found) or fingerprint not in self._found:
                        self._found[fingerprint] = found

    def find(self, reference: Reference) -> Facts | Reject | None:
        """Returns what is known of a file, or None."""
        found = self._found.get(reference.location.fingerprint)
        if isinstance(found, Reject):
            return dataclasses.replace(found, image_id=reference.image_id)
        return found

    def keep(self, is_wanted: Callable[[str], bool]) -> None:
        """Drops what is known under other fingerprints, and puts the rest into one file.

        A kill leaves the old files, the new one or both. No other process may write meanwhile.
        """
        self._found = {
            fingerprint: found
            for fingerprint, found in self._found.items()
            if is_wanted(fingerprint) and not _may_pass(found)
        }
        old = set(_files(self.directory))
        if self._found:
            old.discard(_save(self.directory, list(itertools.starmap(_line, self._found.items()))))
        for path in old:
            faults.before("remove")
            path.unlink()

    def missing(
        self,
        references: Iterable[Reference],
        image_size: int,
        room: spool.Room | None = None,
    ) -> list[Batch]:
        """Returns the references of which nothing is known, in batches; the rest as in `Batch`."""
        unknown = [reference for reference in references if self.find(reference) is None]
        places = str(self.directory), image_size, room
        return [
            Batch(tuple(unknown[start : start + BATCH_REFERENCES]), *places)
            for start in range(0, len(unknown), BATCH_REFERENCES)
        ]


def count(directory: pathlib.Path) -> int:
    """Returns how many references the scans of a directory have looked at, for the progress."""
    return sum(int(path.stem.rsplit("-", 1)[-1]) for path in _files(directory))


def _files(directory: pathlib.Path) -> list[pathlib.Path]:
    return sorted(directory.glob(f"*{_SUFFIX}"))
