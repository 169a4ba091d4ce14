"""How the public data sets lie on disk: one function each, from a source to a listing."""

import pathlib
from collections.abc import Callable, Iterable

from data_pipeline import entries
from data_pipeline.entries import Entry
from data_pipeline.locations import Painting
from data_pipeline.references import Listing, Reference, Reject
from data_pipeline.sample import painter
from tfrecords import exits, schema
from tfrecords.manifest import Target

_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("valid", "val", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
LABEL_TARGET = Target(schema.LABEL_NAMES, positive="fake")


def sample(source: pathlib.Path | None, seed: int) -> Listing:
    """Returns the embedded sample, painted by code; it needs no source.

    Raises:
      UsageError: a source was given.
    """
    if source is not None:
        raise exits.UsageError(
            f"--layout=sample paints its own images. Received: --source={source}. "
            "Use --layout=image_folder for a directory or an archive."
        )
    references = (
        Reference(
            image_id=painting.path,
            location=Painting(painting.content, painting.fake, seed, painting.index),
            targets={
                schema.LABEL: int(painting.fake),
                "content": painter.CONTENTS.index(painting.content),
            },
            group_id=painting.path,
        )
        for painting in painter.paintings()
    )
    return Listing(
        references=tuple(sorted(references, key=lambda reference: reference.image_id)),
        rejects=(),
        targets={schema.LABEL: LABEL_TARGET, "content": Target(painter.CONTENTS)},
        image_size=painter.IMAGE_SIZE,
    )


def image_folder(source: pathlib.Path | None, seed: int) -> Listing:
    """Returns the images of `[split/]class/**`, in a directory or a zip archive.

    Folders are compared in lower case. Classes `real` and `fake` get this project's polarity,
    others their alphabetical order. A single folder around all is stepped into.

    Raises:
      UsageError: no source was given.
      DataError: the source is empty, cannot be read, or has fewer than two classes.
    """
    if source is None:
        raise exits.UsageError("--layout=image_folder needs --source=DIRECTORY or --source=ZIP.")
    everything = entries.find(source)
    depth, has_splits = _shape(everything)
    # The same images have the same names, with or without a folder around them all.
    found = [entry.below(depth) for entry in everything if len(entry.parts) > depth]
    outside = [entry for entry in everything if len(entry.parts) <= depth]
    usable = [entry for entry in found if _is_usable(entry, has_splits)]
    unusable = [entry for entry in found if not _is_usable(entry, has_splits)]
    names = sorted({entry.parts[has_splits].lower() for entry in usable})
    target = _target(names, source)
    references = tuple(
        Reference(
            image_id=entry.path,
            location=entry.location,
            targets={schema.LABEL: target.class_names.index(entry.parts[has_splits].lower())},
            group_id=entry.path,
            split=_SPLITS[entry.parts[0].lower()] if has_splits else None,
        )
        for entry in usable
        if entry.location
    )
    rejects = tuple(
        Reject(entry.path, entry.reason or "no_class", entry.detail or "outside the class folders")
        for entry in (*outside, *unusable)
    )
    return Listing(references, rejects, {schema.LABEL: target})


def _is_usable(entry: Entry, class_depth: int) -> bool:
    """Tells whether an entry can be read and lies below a class folder."""
    return entry.location is not None and len(entry.parts) > class_depth + 1


def _shape(found: list[Entry]) -> tuple[int, bool]:
    """Returns how many folders lie around the classes or splits, and whether there are splits."""
    depth = 0
    while True:
        folders = _folders(found, depth)
        if folders and folders <= _SPLITS.keys():
            return depth, True
        if len(folders) != 1 or not _folders(found, depth + 1):
            return depth, False
        depth += 1


def _folders(found: Iterable[Entry], depth: int) -> set[str]:
    return {entry.parts[depth].lower() for entry in found if len(entry.parts) > depth + 1}


def _target(names: list[str], source: pathlib.Path) -> Target:
    if set(names) == set(schema.LABEL_NAMES):
        return LABEL_TARGET
    if len(names) < 2:
        raise exits.DataError(
            f"--source={source} must hold two or more class folders. "
            f"Received: {', '.join(names) or 'none'}. Expected: [split/]class/images."
        )
    unwritable = [ascii(name) for name in names if not name.isprintable()]
    if unwritable:
        raise exits.DataError(
            f"--source={source}: the names of class folders must be printable UTF-8. "
            f"Received: {', '.join(unwritable)}. Rename them."
        )
    return Target(tuple(names))


# A new data set is a function above and a line here.
LAYOUTS: dict[str, Callable[[pathlib.Path | None, int], Listing]] = {
    "image_folder": image_folder,
    "sample": sample,
}
