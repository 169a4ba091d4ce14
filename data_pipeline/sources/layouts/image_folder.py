"""A folder for each class."""

import os
import pathlib
from collections.abc import Sequence

from data_pipeline import references
from data_pipeline.references import Listing, Reference, Reject
from data_pipeline.sources import class_folders, entries
from data_pipeline.sources.class_folders import Arrangement
from data_pipeline.sources.entries import Entry
from data_pipeline.sources.layouts import labels
from data_pipeline.sources.layouts.options import SourceOptions, needed
from tfrecords import exits, schema
from tfrecords.manifest import Target


def image_folder(source: pathlib.Path | None, options: SourceOptions) -> Listing:
    """Returns the images of `[split/]class/**`, in a directory or a zip archive.

    Where that shape begins is found by `class_folders`. Class `real` is 0 and `fake` is 1, the
    others are numbered in alphabetical order.

    Raises:
      UsageError: no source was given.
      DataError: the source is empty, cannot be read, has splits where classes should be, or has
        fewer than two classes.
    """
    source = needed(source, "image_folder")
    return in_class_folders(entries.find(source), source)


def in_class_folders(found: Sequence[Entry], source: os.PathLike[str]) -> Listing:
    """Returns the files of class folders; see `image_folder`."""
    arranged = class_folders.arrange(found, source)
    target = _target(arranged, source)
    targets = {name: {schema.LABEL: index} for index, name in enumerate(target.class_names)}
    return Listing(
        references=tuple(
            Reference(
                image_id=item.entry.path,
                location=item.location,
                targets=targets[item.class_name],
                group_id=item.entry.path,
                split=item.split,
            )
            for item in arranged.placed
        ),
        rejects=tuple(map(outside, arranged.others)),
        targets={schema.LABEL: target},
        notes=arranged.notes,
    )


def outside(entry: Entry) -> Reject:
    """Returns the reject of a file that cannot be read, or lies in no class folder."""
    if entry.reason:
        return Reject(entry.path, entry.reason, entry.detail)
    return Reject(entry.path, "no_class", "outside the class folders")


def _target(arranged: Arrangement, source: os.PathLike[str]) -> Target:
    names = sorted({item.class_name for item in arranged.placed})
    if len(names) < 2:
        found = ", ".join(map(references.plain, names)) or "none"
        raise exits.DataError(
            f"--source={source} must hold two or more class folders. Received: {found}. "
            + " ".join([f"Expected: {class_folders.EXPECTED}.", *arranged.notes])
        )
    labels.check_printable(names, source, "class folders")
    return labels.target(names)
