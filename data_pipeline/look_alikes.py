"""Some of the pictures that look alike, for the report."""

import dataclasses
from collections.abc import Mapping

from data_pipeline import image_policy
from data_pipeline.groups import LookAlikes
from data_pipeline.references import Reference
from data_pipeline.survey import Survey
from tfrecords.manifest import Target

GROUPS = 6
IMAGES_PER_GROUP = 8
IMAGE_SIZE = 256  # pixels


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture of a group, as a JPEG, and what is known of it."""

    jpeg: bytes
    image_id: str
    classes: str
    split: str | None


@dataclasses.dataclass(frozen=True)
class Example:
    """A group: how many pictures it has, and some of them."""

    num_images: int
    pictures: tuple[Picture, ...]


def examples(survey: Survey, found: LookAlikes) -> list[Example]:
    """Returns the largest group, and others from all sizes down to the smallest.

    The pictures are read from the source: in the shards they lie far apart.
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
    for group in chosen:
        members = [references[image_id] for image_id in group[:IMAGES_PER_GROUP]]
        pictures = (_picture(member, survey.listing.targets) for member in members)
        shown.append(Example(len(group), tuple(found for found in pictures if found)))
    return shown


def _picture(reference: Reference, targets: Mapping[str, Target]) -> Picture | None:
    try:
        stored = image_policy.store(reference.location.read(), IMAGE_SIZE)
    except OSError:
        return None
    if isinstance(stored, image_policy.Rejection):
        return None
    classes = [targets[name].class_names[index] for name, index in reference.targets.items()]
    return Picture(stored.jpeg, reference.image_id, ", ".join(classes), reference.split)
