"""Some of the pictures that look alike, for the report."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from data_pipeline.planning.groups import LookAlikes
from data_pipeline.references import Reference, plain
from data_pipeline.reporting import originals, sheets
from data_pipeline.survey import Survey
from tfrecords.manifest import Target

GROUPS = 6
IMAGES_PER_GROUP = 8


def write(folder: pathlib.Path, survey: Survey, found: LookAlikes) -> list[dict[str, Any]]:
    """Writes a sheet for the largest group, and for others of all sizes down to the smallest.

    The pictures are read from the source: in the shards they lie far apart, and not all are there.

    Returns:
      What `statistics.json` holds of each group: its `num_images`, and of the pictures in its sheet
      `image_id`, `classes` and `split`.
    """
    step = max(1, len(found.groups) // GROUPS)
    chosen = found.groups[::step][:GROUPS]
    wanted = {image_id for group in chosen for image_id in group[:IMAGES_PER_GROUP]}
    references = {
        reference.image_id: reference
        for reference, _ in survey.scanned
        if reference.image_id in wanted
    }
    shown = []
    for number, group in enumerate(chosen):
        members = [references[image_id] for image_id in group[:IMAGES_PER_GROUP]]
        pictures = [(member, jpeg) for member in members if (jpeg := originals.jpeg(member))]
        (folder / sheet(number)).write_bytes(sheets.sheet([[jpeg for _, jpeg in pictures]]))
        shown.append(
            {
                "num_images": len(group),
                "pictures": _described([ref for ref, _ in pictures], survey.listing.targets),
            }
        )
    return shown


def sheet(number: int) -> str:
    """Returns the name of the file that shows a group."""
    return f"look-alikes-{number + 1}.png"


def _described(
    references: Sequence[Reference], targets: Mapping[str, Target]
) -> list[dict[str, str | None]]:
    return [
        {
            "image_id": plain(reference.image_id),
            "classes": ", ".join(
                targets[name].class_names[index] for name, index in reference.targets.items()
            ),
            "split": reference.split,
        }
        for reference in references
    ]
