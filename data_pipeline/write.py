"""Writes one shard, the unit of work: fetch or make its images, check, rename; its sidecar last.

A shard whose sidecar is there is done, and is not done again: that is resuming.
"""

import collections
import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from data_pipeline import faults, references, spool
from data_pipeline.images import decoder, encoding, image_policy
from data_pipeline.isolation import calls
from data_pipeline.planning.plan import Scanned, ShardPlan
from data_pipeline.references import CHANGED, Facts, Reference, Reject
from data_pipeline.running import attempt
from tfrecords import exits, framing, schema

SIDECARS = ".sidecars"  # hidden, and gone once the dataset is published
_STORED = ("num_bytes", "width", "height", "quality", "subsampling", "exif")  # of Facts


@dataclasses.dataclass(frozen=True)
class Task:
    """A shard to be written.

    Attributes:
      directory: into which; absolute.
      mark: of the attempt; absolute.
      shard: what is in it.
      image_size: at which images are stored, in pixels.
      alike: how all are encoded; None as the image policy has it.
      places: for each of its items where the scan has left what is stored of it, or None; or empty.
    """

    directory: str
    mark: str
    shard: ShardPlan
    image_size: int
    alike: image_policy.JpegSettings | None = None
    places: tuple[spool.Place | None, ...] = ()


@dataclasses.dataclass(frozen=True)
class Sidecar:
    """What became of a shard, in a file of its own.

    Attributes:
      shard: its file name.
      planned: the number of records that the plan has for it.
      records, bytes, sha256: of the file; all 0 or empty where no record was left.
      counts: by target the number of examples of each class index.
      rejects: files whose image turned out to be damaged.
      originals: images that were passed through byte for byte.
      repaired: images whose missing end marker was added.
      stored: of each record what changed of its `Facts`: bytes, width, height, quality,
        subsampling, exif.
    """

    shard: str
    planned: int
    records: int
    bytes: int
    sha256: str
    counts: Mapping[str, Mapping[str, int]]
    rejects: tuple[Reject, ...]
    originals: int
    repaired: int
    stored: tuple[tuple[Any, ...], ...]

    @classmethod
    def read(cls, path: pathlib.Path) -> Self | None:
        """Returns a sidecar, or None where there is none that can be read."""
        try:
            fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            fields["rejects"] = tuple(Reject(**reject) for reject in fields["rejects"])
            fields["stored"] = tuple(map(tuple, fields["stored"]))
            return cls(**fields)
        except (OSError, ValueError, KeyError, TypeError):
            return None


def stored_facts(shard: ShardPlan, sidecar: Sidecar) -> Iterator[Scanned]:
    """Yields the records of a shard with the facts of the images as they are stored."""
    gone = {reject.image_id for reject in sidecar.rejects}
    written = (item for item in shard.items if item[0].image_id not in gone)
    always: dict[str, Any] = {"format": "JPEG", "mode": "RGB", "progressive": False}
    for (reference, facts), changed in zip(written, sidecar.stored, strict=True):
        stored = dict(zip(_STORED, changed, strict=True))
        yield reference, dataclasses.replace(facts, **always, **stored)


def sidecar_path(directory: pathlib.Path, shard: str) -> pathlib.Path:
    """Returns where the sidecar of a shard lies."""
    return directory / SIDECARS / f"{shard}.json"


def is_left(directory: pathlib.Path, shard: ShardPlan) -> bool:
    """Tells whether a shard is to be written, or written again with what could not be read."""
    sidecar = done(directory, shard)
    return sidecar is None or any(reject.may_pass for reject in sidecar.rejects)


def done(directory: pathlib.Path, shard: ShardPlan) -> Sidecar | None:
    """Returns the sidecar of a shard that is whole, else None."""
    sidecar = Sidecar.read(sidecar_path(directory, shard.name))
    if sidecar is None or sidecar.planned != len(shard.items):
        return None
    if not sidecar.records:
        return sidecar
    try:
        size = (directory / shard.name).stat().st_size
    except FileNotFoundError:
        return None
    return sidecar if size == sidecar.bytes else None


def write(task: Task) -> str:
    """Writes a shard and its sidecar, unless they are there; returns the shard's name."""
    directory, name = pathlib.Path(task.directory), task.shard.name
    if not is_left(directory, task.shard):
        return name  # a runner that lost a worker gives its work out again, with what was done
    # In the folder that is gone when the dataset is published, with what a worker that its runner
    # has given up may still write.
    temporary = attempt.temporary(directory / SIDECARS / name)
    try:
        sidecar = _write_records(task, temporary)
        if sidecar.records:
            _check(temporary, sidecar)
        attempt.check(task.mark)
        if sidecar.records:
            faults.before("rename")
            temporary.replace(directory / name)
        _write_sidecar(directory, sidecar)
    finally:
        temporary.unlink(missing_ok=True)
    return name


def _write_records(task: Task, path: pathlib.Path) -> Sidecar:
    rejects: list[Reject] = []
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    originals = repaired = 0
    kept: list[tuple[Any, ...]] = []
    with framing.RecordWriter(path) as writer:
        for (reference, facts), stored in _images(task):
            if isinstance(stored, Reject):
                rejects.append(stored)
                continue
            faults.before("write")
            writer.write(_record(reference, stored).serialize())
            originals += stored.is_original
            repaired += stored.is_repaired
            kept.append(_stored(stored, facts))
            for target, index in reference.targets.items():
                counts[target][str(index)] += 1
        faults.before("fsync")
    return Sidecar(
        shard=task.shard.name,
        planned=len(task.shard.items),
        records=writer.records,
        bytes=writer.num_bytes,
        sha256=writer.sha256,
        counts={target: dict(classes) for target, classes in counts.items()},
        rejects=tuple(rejects),
        originals=originals,
        repaired=repaired,
        stored=tuple(kept),
    )


def _stored(stored: image_policy.Stored, facts: Facts) -> tuple[Any, ...]:
    found = facts if stored.is_original else encoding.read(stored.jpeg)
    size = len(stored.jpeg), stored.width, stored.height
    return (*size, found.quality, found.subsampling, found.exif)


def _images(task: Task) -> Iterator[tuple[Scanned, image_policy.Stored | Reject]]:
    """Yields items with what is stored of each: what the scan has made of it, or what is made now.

    The former is read here. To hand it from thread to thread would take longer than all else.
    """
    places = task.places or [None] * len(task.shard.items)
    items = list(zip(task.shard.items, places, strict=True))
    others = calls.ahead(
        decoder.PROGRAM,
        lambda item: _begin(*item, task),
        (item for item in items if not _is_kept(item[1])),
    )
    for item, place in items:
        if place and _is_kept(place):
            yield item, place.read() or _begin(item, None, task)()
        else:
            yield item, next(others)[1]


def _is_kept(place: spool.Place | None) -> bool:
    return place is not None and place.offset is not None


def _begin(
    item: Scanned, place: spool.Place | None, task: Task
) -> Callable[[], image_policy.Stored | Reject]:
    """Reads an original, and has made of it what is stored; returns what waits for that."""
    reference, facts = item
    data = references.read(reference)
    if isinstance(data, Reject):
        reject = data
        return lambda: reject
    if hashlib.sha256(data).hexdigest() != facts.sha256:
        reject = Reject(
            reference.image_id, CHANGED, "its bytes changed while the dataset was built"
        )
        return lambda: reject
    if place and place.is_original:
        original = place.stored(data)
        return lambda: original
    asked = calls.submit(decoder.PROGRAM, "store", data, task.image_size, task.alike)
    return lambda: _made(reference, asked.result())


def _made(
    reference: Reference, stored: image_policy.Stored | image_policy.Rejection
) -> image_policy.Stored | Reject:
    if isinstance(stored, image_policy.Rejection):
        return Reject(reference.image_id, stored.reason, stored.detail)
    return stored


def _record(reference: Reference, stored: image_policy.Stored) -> schema.Record:
    return schema.Record(
        image=stored.jpeg,
        targets=reference.targets,
        image_id=reference.image_id,
        group_id=reference.group_id,
        height=stored.height,
        width=stored.width,
        attributes=reference.attributes,
    )


def _check(path: pathlib.Path, sidecar: Sidecar) -> None:
    """Reads the file back from the disk before it gets its name."""
    found = sum(1 for _ in framing.read_records(path))
    if found != sidecar.records:
        raise exits.DataError(f"{path} holds {found} records and should hold {sidecar.records}.")


def _write_sidecar(directory: pathlib.Path, sidecar: Sidecar) -> None:
    path = sidecar_path(directory, sidecar.shard)
    temporary = attempt.temporary(path)
    with temporary.open("w", encoding="utf-8") as file:
        faults.before("write")
        json.dump(dataclasses.asdict(sidecar), file)
        file.flush()
        faults.before("fsync")
        os.fsync(file.fileno())
    faults.before("rename")
    temporary.replace(path)
