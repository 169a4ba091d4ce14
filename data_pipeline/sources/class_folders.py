"""Where the class folders of a source lie: found by the shape of its folders, not by their place.

The shape is `[split/]class/**/files`. The folder that holds it, the root, may lie anywhere: public
data sets are mounted and unpacked under names of all kinds. Folders are compared in lower case.
"""

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

from data_pipeline import references
from data_pipeline.sources import entries
from data_pipeline.sources.entries import Entry
from data_pipeline.sources.locations import Location
from tfrecords import exits, schema

SPLITS: Mapping[str, str] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("valid", "val", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
EXPECTED = "[split/]class/files, where a split is a folder train, validation (valid, val) or test"
NAMED_FOLDERS = 5  # in a message

_Tree = dict[str, "_Tree"]  # the folders of a folder, by their names in lower case
_Path = tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Placed:
    """A file of a class; its path begins below the root, and its class is in lower case."""

    entry: Entry
    location: Location
    split: str | None
    class_name: str


@dataclasses.dataclass(frozen=True)
class Arrangement:
    """The files of a source, by their places.

    Attributes:
      placed: readable files in class folders.
      others: those that cannot be read, their paths below the root, and those outside the class
        folders.
      notes: what a user should know, a sentence each.
    """

    placed: tuple[Placed, ...]
    others: tuple[Entry, ...]
    notes: tuple[str, ...]


def arrange(found: Sequence[Entry], source: os.PathLike[str]) -> Arrangement:
    """Finds the root and the classes of a source.

    1. The one folder that holds split folders (which hold folders themselves), or `real` and
       `fake`, is the root, whatever lies around it or beside it.
    2. Where there is none, single folders around all are stepped into.

    Args:
      found: the source's files.
      source: for messages.

    Raises:
      DataError: split folders lie in several places, beside classes or where classes should.
    """
    tree = _tree(found)
    root = _root(tree, source)
    below = _at(tree, root)
    depths = _class_depths(below) if _holds_splits(below) else {}
    _check(below, depths, source)
    placed, others = [], []
    for entry in found:
        folders = tuple(name.lower() for name in entry.parts[:-1])
        if folders[: len(root)] != root:
            others.append(entry)
            continue
        # The same images have the same names, with or without folders around them all.
        inner = entry.below(len(root))
        place = _place(folders[len(root) :], depths)
        if place is None or inner.location is None:
            others.append(inner)
        else:
            placed.append(Placed(inner, inner.location, *place))
    notes = [*_notes(found, below, depths), *([] if placed else _hindrances(found))]
    return Arrangement(tuple(placed), tuple(others), tuple(notes))


def _tree(found: Sequence[Entry]) -> _Tree:
    tree: _Tree = {}
    for entry in found:
        if entry.location is not None:
            folder = tree
            for name in entry.parts[:-1]:
                folder = folder.setdefault(name.lower(), {})
    return tree


def _at(tree: _Tree, path: _Path) -> _Tree:
    for name in path:
        tree = tree[name]
    return tree


def _holds_splits(tree: _Tree) -> bool:
    return any(name in SPLITS and below for name, below in tree.items())


def _holds_labels(tree: _Tree) -> bool:
    return tree.keys() >= set(schema.LABEL_NAMES)


def _root(tree: _Tree, source: os.PathLike[str]) -> _Path:
    roots = list(_roots(tree, ()))
    if len(roots) > 1:
        raise exits.DataError(
            f"--source={source} holds split folders, or real and fake, in several places: "
            f"{_listed(['/'.join(root) for root in roots])}. Expected: {EXPECTED}. "
            "Name one of them with --source, or bring them together."
        )
    if roots:
        return roots[0]
    path: _Path = ()
    while below := _only_wrapper(tree):
        path, tree = (*path, *tree), below
    return path


def _only_wrapper(tree: _Tree) -> _Tree | None:
    """Returns the folders of a single folder that cannot be meant as a class."""
    if len(tree) != 1 or tree.keys() & set(schema.LABEL_NAMES):
        return None
    return next(iter(tree.values()))


def _roots(tree: _Tree, path: _Path) -> Iterator[_Path]:
    """Yields the outermost folders that hold splits, or `real` and `fake`."""
    names = tuple(tree)
    if len(names) == 1 and names[0] in SPLITS and _holds_splits(tree[names[0]]):
        yield from _roots(tree[names[0]], (*path, *names))  # such as train/{train,val}/class
    elif _holds_splits(tree) or _holds_labels(tree):
        yield path
    else:
        for name, below in tree.items():
            yield from _roots(below, (*path, name))


def _class_depths(tree: _Tree) -> dict[str, int]:
    """Returns by the name of a split folder how many folders of a path stand above its class."""
    depths, levels = {}, {}
    for name, below in tree.items():
        if name not in SPLITS:
            continue
        depths[name] = 1
        while len(below) == 1 and SPLITS.get(next(iter(below))) == SPLITS[name]:
            below = next(iter(below.values()))  # such as train/train/class
            depths[name] += 1
        if below:
            levels[name] = below
    while len(set().union(*levels.values())) == 1:  # such as train/images/class, test/images/class
        deeper = {name: _only_wrapper(below) for name, below in levels.items()}
        if not all(deeper.values()):
            break
        levels = {name: below for name, below in deeper.items() if below}
        depths |= {name: depths[name] + 1 for name in levels}
    return depths


def _classes(tree: _Tree, depths: Mapping[str, int]) -> dict[str, set[str]]:
    """Returns by class the names of the folders in it, of all splits together."""
    tops = [tree]
    if depths:
        tops = [_at(tree, _only_path(tree, name, depth)) for name, depth in depths.items()]
    classes: dict[str, set[str]] = {}
    for top in tops:
        for name, below in top.items():
            classes.setdefault(name, set()).update(below)
    return classes


def _only_path(tree: _Tree, name: str, length: int) -> _Path:
    path: _Path = (name,)
    while len(path) < length:
        path = (*path, *_at(tree, path))
    return path


def _check(tree: _Tree, depths: Mapping[str, int], source: os.PathLike[str]) -> None:
    classes = _classes(tree, depths)
    beside = [
        name
        for name, below in tree.items()
        if depths and name not in depths and (name in classes or below.keys() & classes.keys())
    ]
    if beside:
        raise exits.DataError(
            f"--source={source}: {_listed(beside)} stands beside the splits {_listed(depths)}, "
            f"and is or holds classes like them. Expected: {EXPECTED}. "
            "Give it the name of a split, or move it out of the source."
        )
    splits = sorted(classes.keys() & SPLITS.keys())
    if splits:
        raise exits.DataError(
            f"--source={source}: {_listed(splits)} is the name of a split, and stands where "
            f"classes are expected: {_listed(sorted(classes))}. Expected: {EXPECTED}. "
            "Put class folders into each split and nothing beside them, or rename what is a class."
        )
    around = sorted(name for name, inner in classes.items() if inner >= set(schema.LABEL_NAMES))
    if around:
        raise exits.DataError(
            f"--source={source}: {_listed(around)} stands where classes are expected, and holds "
            f"real and fake itself. Expected: {EXPECTED}. Bring the classes of a split together."
        )


def _place(folders: Sequence[str], depths: Mapping[str, int]) -> tuple[str | None, str] | None:
    """Returns the split and the class of the folders below the root, or None outside both."""
    if not folders:
        return None
    if not depths:
        return None, folders[0]
    depth = depths.get(folders[0])
    if depth is None or len(folders) <= depth:
        return None
    return SPLITS[folders[0]], folders[depth]


def _notes(found: Sequence[Entry], tree: _Tree, depths: Mapping[str, int]) -> Iterator[str]:
    linked = [entry.path for entry in found if entry.reason == entries.LINKED_FOLDER]
    if linked:
        yield f"Links to folders are not followed: {_listed(linked)}."
    archives = entries.archives(found)
    if archives:
        yield (
            f"Archives in the source are not opened: {_listed(archives)}. Unpack them, or name one "
            "with --source."
        )
    closed = [entry.path for entry in found if entry.reason == references.UNREADABLE_FOLDER]
    if closed:
        yield f"Folders that cannot be read are left out: {_listed(closed)}."
    inner = {split for below in tree.values() for split in below.keys() & SPLITS.keys()}
    if inner and not depths:
        yield (
            f"Folders in a class are not taken for splits: {_listed(sorted(inner))}. "
            "Splits stand around the classes."
        )
    beside = [name for name in tree if depths and name not in depths]
    if beside:
        yield f"Folders beside the splits are left out: {_listed(sorted(beside))}."


def _hindrances(found: Sequence[Entry]) -> Iterator[str]:
    """Yields why there may be no folders where there are files."""
    unread = [entry for entry in found if entry.location is None]
    if unread:
        first = f"{references.plain(unread[0].path)}: {unread[0].detail}"
        yield f"Files that cannot be read: {len(unread):,}, such as {first}."


def _listed(names: Iterable[str]) -> str:
    texts = [references.plain(name or ".") for name in names]
    more = len(texts) - NAMED_FOLDERS
    return ", ".join(texts[:NAMED_FOLDERS]) + (f" and {more:,} more" if more > 0 else "")
