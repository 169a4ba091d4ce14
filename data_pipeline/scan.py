"""A look at each file: size, hash, header, picture. What was found is kept for the next build.

The look makes what is stored of a file as well, which a `spool` keeps until it is written.

The results of a scan are files of JSON lines, one for each batch of references. They are kept under
the fingerprint of the file's location, so that a file that has changed is looked at again.
"""

import contextlib
import dataclasses
import functools
import hashlib
import json
import pathlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from data_pipeline import faults, sketches, spool
from data_pipeline.images import decoder, inspection
from data_pipeline.images.image_policy import Reason, Rejection
from data_pipeline.isolation import calls
from data_pipeline.references import UNREADABLE, Facts, Reference, Reject, unreadable
from data_pipeline.running import attempt
from data_pipeline.sketches import Packed, Sketch

VERSION = 3  # changes when `look` finds more or other facts
BATCH_REFERENCES = 512  # the unit of work, of a second or two; decoders wait where one ends
_SUFFIX = ".jsonl"
# Reasons that may lie in the machine, or be gone with the next version of a decoder.
_MAY_PASS = frozenset({UNREADABLE, Reason.OUT_OF_MEMORY, Reason.CRASHED, Reason.TIMEOUT})


# The facts of many files have few values: one object stands for all that are equal.
_DECODER = json.JSONDecoder(
    parse_int=functools.lru_cache(4096)(int), parse_float=functools.lru_cache(4096)(float)
)

Found = tuple[Facts | Reject, Sketch | None, spool.Place | None]
Line = tuple[str, str, Facts | Reject, Packed | None]  # it begins with itself, its fingerprint


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
    kept = spool.begin(batch.room)
    looked = [
        (reference.location.fingerprint, *found)
        for reference, found in look(batch.references, batch.image_size, kept)
    ]
    if kept:
        spool.finish(kept, {fingerprint: place for fingerprint, _, _, place in looked if place})
    # At one go: between looks each line would take twice as long, with cold caches.
    _save(pathlib.Path(batch.directory), (_line(*item[:3]) for item in looked))
    return len(looked)


def _save(directory: pathlib.Path, lines: Iterable[str]) -> pathlib.Path:
    digest, number = hashlib.sha256(), 0
    temporary = attempt.temporary(directory / f"found{_SUFFIX}")
    faults.before("write")
    with temporary.open("w", encoding="utf-8") as file:
        for line in lines:
            digest.update(line.encode())
            file.write(line)
            number += 1
    # The number of references is in the name, so that progress is counted without opening files.
    path = directory / f"{digest.hexdigest()[:32]}-{number}{_SUFFIX}"
    faults.before("rename")
    temporary.replace(path)
    return path


def look(
    references: Sequence[Reference], image_size: int, kept: str | None = None
) -> Iterator[tuple[Reference, Found]]:
    """Lets decoders look at files.

    Yields:
      Each reference in order, with the facts of its file, or why it cannot be used; its sketch; and
      where the decoder has kept what is stored of it, if `kept` tells where, see `spool.begin`.
    """
    looks = calls.each(
        decoder.PROGRAM, "look", references, lambda item: (item.location, image_size, kept)
    )
    for reference, looked in looks:
        try:
            faults.before("read")  # of this process, which lives longer than a decoder may
        except OSError as error:
            looked = error
        yield reference, _found(reference, looked)


def _found(reference: Reference, found: inspection.Look | Rejection | OSError) -> Found:
    if isinstance(found, OSError):
        return unreadable(reference, found), None, None
    if isinstance(found, Rejection):
        return Reject(reference.image_id, found.reason, found.detail), None, None
    header = found.header
    facts = Facts(
        sha256=found.sha256,
        num_bytes=found.num_bytes,
        format=header.format,
        mode=header.mode,
        width=header.width,
        height=header.height,
        quality=found.encoding.quality,
        subsampling=found.encoding.subsampling,
        progressive=found.encoding.progressive,
        exif=found.encoding.exif,
        red=found.colours.red,
        green=found.colours.green,
        blue=found.colours.blue,
        grey=found.colours.grey,
    )
    return facts, Sketch(found.signature, found.colours.histogram), found.place


def _line(fingerprint: str, found: Facts | Reject, sketch: Sketch | None) -> str:
    # `asdict` would copy each value, which takes longer than to write it.
    facts = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    fields = {"fingerprint": fingerprint, **facts}
    fields.pop("image_id", None)  # the same file may be listed under another root
    fields.pop("sketch", None)  # it is another row in each build
    if sketch:
        fields |= dataclasses.asdict(sketch)
    return json.dumps(fields, separators=(",", ":")) + "\n"


def _parsed(line: str) -> Line | None:
    """Returns what a line holds; None where it cannot be read."""
    try:
        fields: dict[str, Any] = _DECODER.decode(line)
        fingerprint = fields.pop("fingerprint")
        if "reason" in fields:
            return line, fingerprint, Reject("", **fields), None
        sketch = sketches.packed(Sketch(fields.pop("signature"), fields.pop("histogram")))
        for name in ("format", "mode", "subsampling"):
            fields[name] = sys.intern(fields[name])
        return line, fingerprint, Facts(**fields), sketch
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _may_pass(found: Facts | Reject | None) -> bool:
    return isinstance(found, Reject) and found.reason in _MAY_PASS


class Known:
    """What earlier scans have found, kept in a directory. What may pass is forgotten.

    `earlier` is a directory that is read too, if it is there, and never written to.

    Attributes:
      directory: where it is kept.
      sketches: those of the facts.
    """

    def __init__(self, directory: pathlib.Path, earlier: pathlib.Path | None = None):
        self.directory = directory
        self._sources = (directory,) if earlier is None else (earlier, directory)
        directory.mkdir(parents=True, exist_ok=True)
        self.sketches = sketches.Sketches(directory)
        self._found: dict[str, Facts | Reject] = {}
        self.reload()
        self._found = {key: found for key, found in self._found.items() if not _may_pass(found)}

    def reload(self) -> None:
        """Reads all files again. A line that cannot be read was never found."""
        for source in self._sources:
            for _, fingerprint, found, sketch in _read(source):
                before = self._found.get(fingerprint)
                if before is None or _may_pass(before):
                    if isinstance(found, Facts) and sketch:
                        found = dataclasses.replace(found, sketch=self.sketches.add(sketch))
                    self._found[fingerprint] = found

    def find(self, reference: Reference) -> Facts | Reject | None:
        """Returns what is known of a file, or None."""
        found = self._found.get(reference.location.fingerprint)
        if isinstance(found, Reject):
            return dataclasses.replace(found, image_id=reference.image_id)
        return found

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


def keep(directory: pathlib.Path, is_wanted: Callable[[str], bool]) -> None:
    """Drops what is known under other fingerprints, and puts the rest into one file.

    A kill leaves the old files, the new one or both. No other process may write meanwhile.
    """
    old = _files(directory)
    kept = _save(directory, _wanted(directory, is_wanted))
    for path in old:
        if path != kept:
            faults.before("remove")
            path.unlink()


def _wanted(directory: pathlib.Path, is_wanted: Callable[[str], bool]) -> Iterator[str]:
    """Yields lines, one for each fingerprint, and one at a time: together they take gigabytes."""
    seen = set()
    for line, fingerprint, found, _ in _read(directory):
        if fingerprint not in seen and is_wanted(fingerprint) and not _may_pass(found):
            seen.add(fingerprint)
            yield line


def count(directory: pathlib.Path) -> int:
    """Returns how many references the scans of a directory have looked at, for the progress."""
    return sum(int(path.stem.rsplit("-", 1)[-1]) for path in _files(directory))


def _files(directory: pathlib.Path) -> list[pathlib.Path]:
    return sorted(directory.glob(f"*{_SUFFIX}"))


def _read(directory: pathlib.Path) -> Iterator[Line]:
    for path in _files(directory):
        with (
            contextlib.suppress(FileNotFoundError),  # a build has just put it into another file
            path.open(encoding="utf-8", errors="replace") as file,
        ):
            yield from filter(None, map(_parsed, file))
