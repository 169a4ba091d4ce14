"""What one look at an image finds out: what its header says, and what it looks like."""

import dataclasses

from data_pipeline import image_policy, perceptual_hash
from data_pipeline.image_policy import Header, Rejection


@dataclasses.dataclass(frozen=True)
class Appearance:
    """What the header of a file says, and the `signature` that `perceptual_hash` gives it."""

    header: Header
    signature: str


def look(data: bytes) -> Appearance | Rejection:
    """Returns the appearance of a file of any format. Raises nothing."""
    header = image_policy.inspect(data)
    if isinstance(header, Rejection):
        return header
    # What cannot be decoded cannot be stored; said here, it is neither planned for nor compared.
    grey = image_policy.thumbnail(data, perceptual_hash.SIDE)
    if isinstance(grey, Rejection):
        return grey
    return Appearance(header, perceptual_hash.signature(grey))
