"""Images whose labels stand in a csv file beside them."""

import dataclasses
import os
import pathlib
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from data_pipeline.references import (
    ABSENT,
    LABEL_DISAGREES,
    NO_LABEL,
    Listing,
    Reference,
    Reject,
    plain,
)
from data_pipeline.sources import entries, tables
from data_pipeline.sources.class_folders import SPLITS
from data_pipeline.sources.entries import Entry
from data_pipeline.sources.layouts import labels
from data_pipeline.sources.layouts.options import SourceOptions, needed
from data_pipeline.sources.tables import Table
from tfrecords import exits, schema

NAMED_IN_MESSAGES = 5
_WHOLE = re.compile(r"([+-]?\d+)\.0*")  # as pandas writes numbers where some cells are empty
# What stands for what would have to be guessed: 1 is fake in one public set and real in another.
_NAMELESS = re.compile(r"[+-]?\d+(\.\d*)?|true|false|yes|no")
_ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:")


@dataclasses.dataclass(frozen=True)
class _Claim:
    """What a row says of a file, and in which table; empty or None where it says nothing."""

    table: str
    label: str
    group: str
    split: str | None


_Claims = dict[str, list[_Claim]]  # by path
_Find = Callable[[str], Entry | None]


@dataclasses.dataclass(frozen=True)
class _Files:
    """The files that rows may name.

    Attributes:
      find: how one is found.
      all: those that are known; none where the source is the csv file itself.
      folder: the one around them all.
      root: how paths begin that are written out to the source; empty in an archive.
    """

    find: _Find
    all: Sequence[Entry]
    folder: str
    root: str

    def image_id(self, path: str) -> str:
        """The same images have the same names, with or without a folder around them all."""
        return path.removeprefix(f"{self.folder}/") if self.folder else path


def image_csv(source: pathlib.Path | None, options: SourceOptions) -> Listing:
    """Returns the images that the rows of a csv file name, with a label and perhaps a group.

    The csv file is the source itself, or is found in it, a directory or an archive, by its columns;
    of several, each has the rows of the split that it is called after. Paths are relative to the
    csv file or to the source. A row whose file is not there is a reject, and so is a file that no
    row names; where the source is the csv file, no file is looked for but those that it names.

    Raises:
      UsageError: no source was given, or labels are numbers that `label_values` does not name.
      DataError: there is no such csv file, or several; it is damaged; it has fewer than two labels.
    """
    source = needed(source, "image_csv")
    files = _files(source)
    itself = entries.named(source.parent, source.name, None)
    read = _tables(files.all or ([itself] if itself else []), source, options)
    named, claims, rejects = _follow(read, options, files)
    _check_named(named, rejects, read, source)
    classes = _classes(claims, source, options)
    target = labels.target(sorted(set(classes.values())))
    numbers = {text: target.class_names.index(name) for text, name in classes.items()}
    ordered = sorted(named, key=lambda path: path.encode(errors="surrogateescape"))
    items = [_item(named[path], claims[path], numbers, files) for path in ordered]
    rejects += [item for item in items if isinstance(item, Reject)]
    used = {*named, *(table.path for table in read)}
    rejects += [_unnamed(entry, files) for entry in files.all if entry.path not in used]
    return Listing(
        references=tuple(item for item in items if isinstance(item, Reference)),
        rejects=tuple(rejects),
        targets={schema.LABEL: target},
        notes=tuple(_notes(claims, rejects)),
    )


def _files(source: pathlib.Path) -> _Files:
    if source.is_file() and source.suffix.lower() == ".csv":
        around = source.parent
        return _Files(lambda path: entries.named(around, path), (), "", f"{around.absolute()}/")
    found = entries.find(source)
    folders = [posixpath.dirname(entry.path) for entry in found]
    unsafe = any(folder.startswith("/") for folder in folders)  # of an archive; are rejects
    folder = "" if unsafe else posixpath.commonpath(folders)
    root = f"{source.absolute()}/" if source.is_dir() else ""
    return _Files({entry.path: entry for entry in found}.get, found, folder, root)


def _tables(
    found: Sequence[Entry], source: os.PathLike[str], options: SourceOptions
) -> list[Table]:
    """Returns the csv file with the columns, or one for each split."""
    read = [tables.read(entry, source) for entry in found if tables.is_table(entry)]
    columns = [options.path_column, options.label_column, options.group_column]
    needed_columns = [name for name in columns if name is not None]
    usable = [table for table in read if set(needed_columns) <= set(table.columns)]
    if not usable:
        there = [f"{table.path} ({', '.join(table.columns)})" for table in read]
        there += [f"{entry.path} ({entry.detail})" for entry in found if _is_lost_table(entry)]
        raise exits.DataError(
            f"--source={source} holds no csv file with columns {', '.join(needed_columns)}. "
            f"Received: {_some(there) or 'no csv file'}. "
            "Name its columns with --path_column, --label_column and --group_column."
        )
    splits = [SPLITS.get(table.stem.lower()) for table in usable]
    if len(usable) > 1 and (None in splits or len(set(splits)) < len(splits)):
        raise exits.DataError(
            f"--source={source} holds several csv files with columns {', '.join(needed_columns)}: "
            f"{_some([table.path for table in usable])}. Name one of them with --source."
        )
    return usable


def _is_lost_table(entry: Entry) -> bool:
    return entry.location is None and entry.path.lower().endswith(".csv")


def _follow(
    read: Sequence[Table], options: SourceOptions, files: _Files
) -> tuple[dict[str, Entry], _Claims, list[Reject]]:
    """Returns by path the files that rows name, and what they say; and rows that name none."""
    named: dict[str, Entry] = {}
    claims: _Claims = {}
    rejects: dict[str, Reject] = {}
    for table in read:
        split = SPLITS.get(table.stem.lower()) if len(read) > 1 else None
        for line, row in table.rows():
            path = row[options.path_column].strip().removeprefix(files.root)
            entry = _file(path, table, files) or Reject(
                path or files.image_id(f"{table.path}:{line}"),
                ABSENT,
                f"{table.path}, line {line}, names it",
            )
            if isinstance(entry, Reject):
                rejects.setdefault(entry.image_id, entry)
                continue
            label = row[options.label_column].strip().lower()
            whole = _WHOLE.fullmatch(label)
            group = row[options.group_column].strip() if options.group_column else ""
            named[entry.path] = entry
            claim = _Claim(table.path, whole[1] if whole else label, group, split)
            claims.setdefault(entry.path, []).append(claim)
    return named, claims, list(rejects.values())


def _file(path: str, table: Table, files: _Files) -> Entry | Reject | None:
    """Returns the file of a row, which stands beside the csv file or below the source."""
    if _ABSOLUTE.match(path):
        return Reject(path, "unsafe_name", "an absolute path; paths are relative to the source")
    spellings = [path, path.replace("\\", "/")] if "\\" in path else [path]
    for around in (posixpath.dirname(table.path), files.folder, ""):
        for spelling in spellings if path else []:
            place = posixpath.normpath(posixpath.join(around, spelling))
            if not place.startswith("../") and (entry := files.find(place)):
                return entry
    if posixpath.normpath(path).startswith("../"):
        return Reject(path, "unsafe_name", "the path leads out of the source")
    return None


def _check_named(
    named: Mapping[str, Entry],
    rejects: Sequence[Reject],
    read: Sequence[Table],
    source: os.PathLike[str],
) -> None:
    if named:
        return
    first = "There is no row."
    if rejects:
        first = f"The first is {plain(rejects[0].image_id)}: {plain(rejects[0].detail)}."
    raise exits.DataError(
        f"--source={source}: no row of {_some([table.path for table in read])} names a file that "
        f"is there. {first} Paths begin at the csv file or at the source, and end as the files' "
        "names do."
    )


def _classes(
    claims: _Claims, source: os.PathLike[str], options: SourceOptions
) -> Mapping[str, str]:
    """Returns by the text of a label its class; a text that has none is no label."""
    texts = sorted({claim.label for rows in claims.values() for claim in rows if claim.label})
    nameless = [text for text in texts if _NAMELESS.fullmatch(text)]
    if nameless and not options.label_values:
        raise exits.UsageError(
            f"--source={source}: the labels of column {options.label_column} need names. "
            f"Received: {_some(nameless)}. Say what they stand for, such as "
            "--label_values=0=real,1=fake."
        )
    values = options.label_values or {text: text for text in texts}
    classes = {text: values[text] for text in texts if text in values}
    if len(set(classes.values())) < 2:
        raise exits.DataError(
            f"--source={source}: the files that are there must have labels of two or more classes "
            f"in column {options.label_column}. Received: {_some(texts) or 'none'}."
            f"{' Does --label_values name them?' if options.label_values else ''}"
        )
    labels.check_printable(classes.values(), source, "classes")
    return classes


def _item(
    entry: Entry, rows: Sequence[_Claim], numbers: Mapping[str, int], files: _Files
) -> Reference | Reject:
    image_id, first = files.image_id(entry.path), rows[0]
    if entry.location is None:
        return Reject(image_id, entry.reason, entry.detail)
    for row in rows[1:]:
        if numbers.get(row.label, row.label) != numbers.get(first.label, first.label):
            detail = f"{first.table} says {first.label}, {row.table} says {row.label}"
            return Reject(image_id, LABEL_DISAGREES, detail)
        if (row.group, row.split) != (first.group, first.split):
            places = [" ".join(filter(None, (item.split, item.group))) for item in (first, row)]
            return Reject(image_id, "group_disagrees", f"rows say {' and '.join(places)}")
    if not first.label:
        return Reject(image_id, NO_LABEL, f"{first.table} gives it none")
    if first.label not in numbers:
        detail = f"{first.table} says {first.label}, which --label_values does not name"
        return Reject(image_id, "unknown_label", detail)
    return Reference(
        image_id=image_id,
        location=entry.location,
        targets={schema.LABEL: numbers[first.label]},
        group_id=first.group or image_id,
        split=first.split,
    )


def _unnamed(entry: Entry, files: _Files) -> Reject:
    image_id = files.image_id(entry.path)
    if entry.reason:
        return Reject(image_id, entry.reason, entry.detail)
    return Reject(image_id, NO_LABEL, "no row names it")


def _notes(claims: _Claims, rejects: Sequence[Reject]) -> Iterator[str]:
    absent = sum(reject.reason == ABSENT for reject in rejects)
    if absent:
        yield f"Rows whose file is not there: {absent:,}."
    unnamed = sum(reject.reason == NO_LABEL for reject in rejects)
    if unnamed:
        yield f"Files without a label: {unnamed:,}."
    repeated = sum(len(rows) - 1 for rows in claims.values())
    if repeated:
        yield f"Rows that name a file again: {repeated:,}."


def _some(names: Iterable[str]) -> str:
    texts = [plain(name) for name in names]
    more = len(texts) - NAMED_IN_MESSAGES
    return ", ".join(texts[:NAMED_IN_MESSAGES]) + (f" and {more:,} more" if more > 0 else "")
