"""How the public data sets lie on disk: one function each, from a source to a listing."""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence

from data_pipeline import class_folders, entries, references, videos
from data_pipeline import dfdc as dfdc_files
from data_pipeline.entries import Entry
from data_pipeline.locations import Painting
from data_pipeline.references import Listing, Reference, Reject, Video
from data_pipeline.sample import painter
from tfrecords import exits, schema
from tfrecords.manifest import Target

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


def dfdc(source: pathlib.Path | None, seed: int) -> Listing:
    """Returns the videos of the DeepFake Detection Challenge, of all parts that are there.

    Raises:
      UsageError: no source was given.
      DataError: the source cannot be read, or holds no video with metadata.
    """
    found = entries.find(_needed(source, "dfdc"), videos.MAX_MEMBER_BYTES, None)
    listed, rejects = dfdc_files.videos(found)
    if not listed:
        raise exits.DataError(
            f"--source={source} must hold {dfdc_files.METADATA} and the videos that it names, as "
            f"in dfdc_train_part_0. Received: {len(found):,} files, no such video."
        )
    return Listing(
        references=tuple(sorted(listed, key=lambda video: video.image_id)),
        rejects=tuple(rejects),
        targets={schema.LABEL: LABEL_TARGET},
        notes=dfdc_files.notes(rejects),
    )


def video_folder(source: pathlib.Path | None, seed: int) -> Listing:
    """Returns the videos of `[split/]class/**`, as `image_folder` does the images."""
    needed = _needed(source, "video_folder")
    listing = _in_class_folders(needed, entries.find(needed, videos.MAX_MEMBER_BYTES, None))
    return dataclasses.replace(
        listing,
        references=tuple(
            Video(item.image_id, item.location, item.targets, item.group_id, item.split)
            for item in listing.references
        ),
    )


def image_folder(source: pathlib.Path | None, seed: int) -> Listing:
    """Returns the images of `[split/]class/**`, in a directory or a zip archive.

    Where that shape begins is found by `class_folders`. Class `real` is 0 and `fake` is 1, the
    others are numbered in alphabetical order.

    Raises:
      UsageError: no source was given.
      DataError: the source is empty, cannot be read, has splits where classes should be, or has
        fewer than two classes.
    """
    needed = _needed(source, "image_folder")
    return _in_class_folders(needed, entries.find(needed))


def _needed(source: pathlib.Path | None, layout: str) -> pathlib.Path:
    if source is None:
        raise exits.UsageError(f"--layout={layout} needs --source=DIRECTORY or --source=ZIP.")
    return source


def _in_class_folders(source: pathlib.Path, found: Sequence[Entry]) -> Listing:
    arranged = class_folders.arrange(found, source)
    target = _target({item.class_name for item in arranged.placed}, source, arranged.notes)
    return Listing(
        references=tuple(
            Reference(
                image_id=item.entry.path,
                location=item.location,
                targets={schema.LABEL: target.class_names.index(item.class_name)},
                group_id=item.entry.path,
                split=item.split,
            )
            for item in arranged.placed
        ),
        rejects=tuple(
            Reject(
                entry.path,
                entry.reason or "no_class",
                entry.detail or "outside the class folders",
            )
            for entry in arranged.others
        ),
        targets={schema.LABEL: target},
        notes=arranged.notes,
    )


def _target(classes: set[str], source: pathlib.Path, notes: tuple[str, ...]) -> Target:
    if classes == set(schema.LABEL_NAMES):
        return LABEL_TARGET
    names = _in_order(classes)
    if len(names) < 2:
        found = ", ".join(map(references.plain, names)) or "none"
        raise exits.DataError(
            f"--source={source} must hold two or more class folders. Received: {found}. "
            + " ".join([f"Expected: {class_folders.EXPECTED}.", *notes])
        )
    unwritable = [ascii(name) for name in names if not name.isprintable()]
    if unwritable:
        raise exits.DataError(
            f"--source={source}: the names of class folders must be printable UTF-8. "
            f"Received: {', '.join(unwritable)}. Rename them."
        )
    return Target(tuple(names))


def _in_order(classes: set[str]) -> list[str]:
    """Returns `real` as class 0 and `fake` as class 1 where they are, the others by alphabet."""
    names = sorted(classes - set(schema.LABEL_NAMES))
    for index, name in enumerate(schema.LABEL_NAMES):
        if name in classes:
            names.insert(index, name)
    return names


# A new data set is a function above and a line here.
LAYOUTS: dict[str, Callable[[pathlib.Path | None, int], Listing]] = {
    "dfdc": dfdc,
    "image_folder": image_folder,
    "sample": sample,
    "video_folder": video_folder,
}
OF_VIDEOS = ("dfdc", "video_folder")
