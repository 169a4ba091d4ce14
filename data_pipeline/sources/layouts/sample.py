"""The embedded sample, painted by code."""

import pathlib

from data_pipeline.references import Listing, Reference
from data_pipeline.sample import painter
from data_pipeline.sources.layouts import labels
from data_pipeline.sources.layouts.options import SourceOptions
from data_pipeline.sources.locations import Painting
from tfrecords import exits, schema
from tfrecords.manifest import Target


def sample(source: pathlib.Path | None, options: SourceOptions) -> Listing:
    """Returns the embedded sample; it needs no source.

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
            location=Painting(painting.content, painting.fake, options.seed, painting.index),
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
        targets={schema.LABEL: labels.LABEL_TARGET, "content": Target(painter.CONTENTS)},
        image_size=painter.IMAGE_SIZE,
    )
