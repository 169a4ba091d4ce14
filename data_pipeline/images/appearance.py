"""What one look at an image finds out: what its header says, what it looks like, what is stored.

An image is decoded once: what a dataset stores of it is made in the same look.
"""

import dataclasses

import numpy as np
from PIL import Image

from data_pipeline.images import colours, encoding, image_policy, perceptual_hash
from data_pipeline.images.colours import Colours
from data_pipeline.images.encoding import Encoding
from data_pipeline.images.image_policy import Header, Rejection, Stored


@dataclasses.dataclass(frozen=True)
class Appearance:
    """What the headers of a file say, its `colours`, and its `signature` of `perceptual_hash`.

    `stored` is what a dataset stores of it.
    """

    header: Header
    encoding: Encoding
    colours: Colours
    signature: str
    stored: Stored


def look(data: bytes, image_size: int) -> Appearance | Rejection:
    """Returns the appearance of a file of any format. Raises nothing.

    Args:
      data: the bytes of the file.
      image_size: see `image_policy.store`.
    """
    seen = image_policy.see(data, image_size)
    if isinstance(seen, Rejection):
        return seen
    side = perceptual_hash.SIDE
    thumbnail = seen.picture.resize((side, side), Image.Resampling.BILINEAR, reducing_gap=1.0)
    grey = thumbnail.convert("L")
    return Appearance(
        header=seen.header,
        encoding=encoding.read(data),
        colours=colours.of_thumbnail(thumbnail, grey),
        signature=perceptual_hash.signature(np.asarray(grey)),
        stored=seen.stored,
    )
