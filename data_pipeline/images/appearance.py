"""What one look at an image finds out: what its header says, and what it looks like."""

import dataclasses

from data_pipeline.images import colours, encoding, image_policy, perceptual_hash
from data_pipeline.images.colours import Colours
from data_pipeline.images.encoding import Encoding
from data_pipeline.images.image_policy import Header, Rejection


@dataclasses.dataclass(frozen=True)
class Appearance:
    """What the headers of a file say, its `colours`, and its `signature` of `perceptual_hash`."""

    header: Header
    encoding: Encoding
    colours: Colours
    signature: str


def look(data: bytes) -> Appearance | Rejection:
    """Returns the appearance of a file of any format. Raises nothing."""
    header = image_policy.inspect(data)
    if isinstance(header, Rejection):
        return header
    # What cannot be decoded cannot be stored; said here, it is neither planned for nor compared.
    seen = image_policy.thumbnail(data, perceptual_hash.SIDE)
    if isinstance(seen, Rejection):
        return seen
    return Appearance(
        header=header,
        encoding=encoding.read(data),
        colours=colours.of_thumbnail(seen.rgb, seen.grey),
        signature=perceptual_hash.signature(seen.grey),
    )
