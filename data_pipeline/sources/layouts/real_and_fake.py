"""Public sets whose folders say what is real and what is fake, and what their csv files add."""

import collections
import dataclasses
import pathlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from data_pipeline import references
from data_pipeline.references import LABEL_DISAGREES, NO_LABEL, Listing, Reference, Reject, plain
from data_pipeline.sources import class_folders, entries, tables
from data_pipeline.sources.class_folders import SPLITS, Arrangement, Placed
from data_pipeline.sources.entries import Entry
from data_pipeline.sources.layouts import image_folder, labels
from data_pipeline.sources.layouts.options import SourceOptions, needed
from tfrecords import exits, names, schema
from tfrecords.manifest import Target

ARTIFACT_CONTENTS = ("animals", "human_faces", "vehicles")
_NUMBER = re.compile(r"_\d+$")

_Row = Mapping[str, str]
_Claims = Mapping[str, list[tuple[str, str]]]  # by path the tables that name it, and what they say


@dataclasses.dataclass(frozen=True)
class _Set:
    """What is known of a public set.

    Attributes:
      layout: its name.
      counts: by split the number of files of the whole set.
      contents: folders in `real` and `fake`, the classes of a second target.
      tables: names of its csv files, which need not be there.
      path_column: theirs that names the file.
      says: what one of their rows says of the file: names of classes, or what is unknown.
    """

    layout: str
    counts: Mapping[str, int]
    contents: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    path_column: str = ""
    says: Callable[[_Row], Iterator[str]] = lambda row: iter(())


def faces_140k(source: pathlib.Path | None, options: SourceOptions) -> Listing:
    """Returns 140k Real and Fake Faces, of FFHQ and StyleGAN. Its csv files call real 1.

    Raises:
      UsageError: no source was given.
      DataError: real or fake is not there, or the source cannot be read.
    """
    return _listing(
        needed(source, "faces_140k"),
        _Set(
            layout="faces_140k",
            counts={"train": 100_000, "validation": 20_000, "test": 20_000},
            tables=("train.csv", "valid.csv", "test.csv"),
            path_column="path",
            says=_say_faces,
        ),
    )


def _say_faces(row: _Row) -> Iterator[str]:
    yield {"0": "fake", "1": "real"}.get(row.get("label", ""), row.get("label", ""))
    yield row.get("label_str", "").lower()


def deepfake_and_real(source: pathlib.Path | None, options: SourceOptions) -> Listing:
    """Returns Deepfake and Real Images, faces of OpenForensics; raises as `faces_140k` does."""
    counts = {"train": 140_002, "validation": 39_428, "test": 10_905}
    return _listing(
        needed(source, "deepfake_and_real"), _Set(layout="deepfake_and_real", counts=counts)
    )


def cifake(source: pathlib.Path | None, options: SourceOptions) -> Listing:
    """Returns CIFAKE: CIFAR-10, and a diffusion model's pictures; raises as `faces_140k` does."""
    counts = {"train": 100_000, "test": 20_000}
    listing = _listing(needed(source, "cifake"), _Set(layout="cifake", counts=counts))
    return dataclasses.replace(listing, image_size=32)


def artifact_240k(source: pathlib.Path | None, options: SourceOptions) -> Listing:
    """Returns ArtiFact_240K, its content as a second target. Its csv file calls real 0.

    The attribute `class` is a file's name without its number. `test/` has no labels, so that its
    files are rejects. Raises as `faces_140k` does.
    """
    return _listing(
        needed(source, "artifact_240k"),
        _Set(
            layout="artifact_240k",
            counts={"train": 167_998, "validation": 60_000, "test": 12_002},
            contents=ARTIFACT_CONTENTS,
            tables=("metadata.csv",),
            path_column="image_path",
            says=_say_artifact,
        ),
    )


def _say_artifact(row: _Row) -> Iterator[str]:
    yield {"0": "real", "1": "fake"}.get(row.get("label", ""), row.get("label", ""))
    content = row.get("class", "").lower()
    yield content if content in ARTIFACT_CONTENTS else ""  # it may name something narrower


def _listing(source: pathlib.Path, known: _Set) -> Listing:
    arranged = class_folders.arrange(entries.find(source), source)
    _check(arranged, source, known)
    beside = [entry for entry in arranged.others if _is_table(entry, known)]
    claims = _claims([tables.read(entry, source) for entry in beside], source, known)
    found = [_item(item, claims, known) for item in arranged.placed]
    rejects = [item for item in found if isinstance(item, Reject)]
    splits = {item.split for item in arranged.placed}
    rejects += [_outside(entry, splits) for entry in arranged.others if entry not in beside]
    targets = {schema.LABEL: labels.LABEL_TARGET}
    if known.contents:
        targets["content"] = Target(known.contents)
    return Listing(
        references=tuple(item for item in found if isinstance(item, Reference)),
        rejects=tuple(rejects),
        targets=targets,
        notes=(*arranged.notes, *_notes(arranged, claims, rejects, known)),
    )


def _check(arranged: Arrangement, source: pathlib.Path, known: _Set) -> None:
    found = {item.class_name for item in arranged.placed}
    missing = [name for name in schema.LABEL_NAMES if name not in found]
    if missing:
        received = ", ".join(sorted(map(references.plain, found))) or "none"
        raise exits.DataError(
            f"--source={source}: --layout={known.layout} needs files in folders real and fake. "
            f"Received: {received}. "
            + " ".join([f"Expected: {class_folders.EXPECTED}.", *arranged.notes])
        )


def _is_table(entry: Entry, known: _Set) -> bool:
    return tables.is_table(entry) and entry.parts[-1].lower() in known.tables


def _claims(found: Sequence[tables.Table], source: pathlib.Path, known: _Set) -> _Claims:
    claims: dict[str, list[tuple[str, str]]] = {}
    for table in found:
        if known.path_column not in table.columns:
            raise exits.DataError(
                f"--source={source}: {plain(table.path)} needs a column {known.path_column}. "
                f"Received: {plain(', '.join(table.columns))}. Mend it, or remove it."
            )
        for _, row in table.rows():
            said = claims.setdefault(_from_split(row[known.path_column]), [])
            said += [(table.path, name) for name in known.says(row) if name]
    return claims


def _from_split(path: str) -> str:
    """Returns a path without the folders around the splits, of which csv files write some."""
    parts = path.split("/")
    around = (index for index, name in enumerate(parts) if name.lower() in SPLITS)
    return "/".join(parts[next(around, 0) :])


def _item(item: Placed, claims: _Claims, known: _Set) -> Reference | Reject:
    path = item.entry.path
    if item.class_name not in schema.LABEL_NAMES:
        return Reject(path, "no_class", "outside the folders real and fake")
    folders = {name.lower() for name in item.entry.parts[:-1]}
    content = [name for name in known.contents if name in folders]
    if known.contents and not content:
        return Reject(path, "no_class", f"outside {', '.join(known.contents)}")
    own = [item.class_name, *content]
    for table, said in claims.get(_from_split(path), ()):
        if said not in own:
            detail = f"its folders say {' and '.join(own)}, {table} says {said}"
            return Reject(path, LABEL_DISAGREES, detail)
    targets = {schema.LABEL: schema.LABEL_NAMES.index(item.class_name)}
    attributes = {}
    if known.contents:
        targets["content"] = known.contents.index(content[0])
        attributes["class"] = _NUMBER.sub("", pathlib.PurePosixPath(path).stem)
    return Reference(path, item.location, targets, path, item.split, attributes)


def _outside(entry: Entry, splits: Collection[str | None]) -> Reject:
    """Returns the reject of a file in no class folder, in a source whose `splits` have some."""
    split = SPLITS.get(entry.parts[0].lower())
    if entry.location is not None and len(entry.parts) == 2 and split and split not in splits:
        return Reject(entry.path, NO_LABEL, f"{entry.parts[0]} has no class folders")
    return image_folder.outside(entry)


def _notes(
    arranged: Arrangement, claims: _Claims, rejects: Sequence[Reject], known: _Set
) -> Iterator[str]:
    """Yields what is missing in a partial copy, and what has no label."""
    splits = {item.split for item in arranged.placed}
    unlabelled = [reject.image_id for reject in rejects if reject.reason == NO_LABEL]
    there = collections.Counter(
        item.split for item in arranged.placed if item.class_name in schema.LABEL_NAMES
    )
    there.update(SPLITS[path.split("/")[0].lower()] for path in unlabelled)
    named = collections.Counter(SPLITS.get(path.split("/")[0].lower()) for path in claims)
    for split, count in known.counts.items():
        expected = named[split] or count
        if splits != {None} and there[split] < expected:
            yield f"{split}: {there[split]:,} of {expected:,} files."
    if unlabelled:
        with_labels = [split for split in names.SPLITS if split in splits]
        yield (
            f"Files without a label: {len(unlabelled):,}, such as {plain(unlabelled[0])}. "
            f"Splits with labels: {', '.join(with_labels)}."
        )
    disagreeing = sum(reject.reason == LABEL_DISAGREES for reject in rejects)
    if disagreeing:
        yield f"Files in another folder than a csv file says: {disagreeing:,}."
