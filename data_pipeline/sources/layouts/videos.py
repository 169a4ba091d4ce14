"""Videos, of which faces are taken."""

import dataclasses
import pathlib

from data_pipeline import references
from data_pipeline.references import Listing, Video
from data_pipeline.sources import dfdc as dfdc_files
from data_pipeline.sources import entries
from data_pipeline.sources.layouts import image_folder, labels
from data_pipeline.sources.layouts.options import SourceOptions, needed
from data_pipeline.video import videos
from tfrecords import exits, schema


def dfdc(source: pathlib.Path | None, options: SourceOptions) -> Listing:
    """Returns the videos of the DeepFake Detection Challenge, of all parts that are there.

    Raises:
      UsageError: no source was given.
      DataError: the source cannot be read, or holds no video with metadata.
    """
    source = needed(source, "dfdc")
    found = entries.find(source, videos.MAX_MEMBER_BYTES, None)
    listed, rejects = dfdc_files.videos(found)
    packed = entries.archives(found)
    if not listed:
        raise exits.DataError(
            f"--source={source} must hold {dfdc_files.METADATA} and the videos that it names, as "
            f"in dfdc_train_part_0. Received: {len(found):,} files, no such video."
            + (f" Unpack {references.plain(packed[0])}." if packed else "")
        )
    return Listing(
        references=tuple(sorted(listed, key=lambda video: video.image_id)),
        rejects=tuple(rejects),
        targets={schema.LABEL: labels.LABEL_TARGET},
        notes=(
            *dfdc_files.notes(rejects),
            *([f"Archives in the source are not opened: {len(packed):,}."] if packed else []),
        ),
    )


def video_folder(source: pathlib.Path | None, options: SourceOptions) -> Listing:
    """Returns the videos of `[split/]class/**`, as `image_folder` does the images."""
    source = needed(source, "video_folder")
    found = entries.find(source, videos.MAX_MEMBER_BYTES, None)
    listing = image_folder.in_class_folders(found, source)
    return dataclasses.replace(
        listing,
        references=tuple(
            Video(item.image_id, item.location, item.targets, item.group_id, item.split)
            for item in listing.references
        ),
    )
