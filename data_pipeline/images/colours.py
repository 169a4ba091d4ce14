"""What the pixels of a thumbnail say in a few numbers: brightness, colour, histograms. Pure."""

import base64
import dataclasses
import itertools

import numpy as np
import numpy.typing as npt
from PIL import Image

CHANNELS = ("red", "green", "blue", "grey")
BINS = 16  # of each channel, equally wide, of the values 0-255
_VALUES = np.arange(256)


@dataclasses.dataclass(frozen=True)
class Colours:
    """The colours of a picture.

    Attributes:
      red, green, blue, grey: the means, 0-255, to a tenth.
      histogram: base64 of big-endian uint16 [4, BINS]: how many pixels lie in each bin.
    """

    red: float
    green: float
    blue: float
    grey: float
    histogram: str


def of_thumbnail(thumbnail: Image.Image, grey: Image.Image) -> Colours:
    """Returns the colours of a thumbnail.

    Args:
      thumbnail: RGB, fewer than 65,536 pixels.
      grey: the same as L.
    """
    histograms = itertools.chain(thumbnail.histogram(), grey.histogram())
    counts = np.fromiter(histograms, np.int64).reshape(len(CHANNELS), -1)
    means = counts @ _VALUES / (thumbnail.width * thumbnail.height)
    red, green, blue, luma = (round(mean, 1) for mean in means.tolist())
    bins = counts.reshape(len(CHANNELS), BINS, -1).sum(axis=2)
    packed = base64.b64encode(bins.astype(">u2").tobytes()).decode()
    return Colours(red, green, blue, luma, packed)


def unpack(text: str) -> npt.NDArray[np.int64]:
    """Returns int64 [4, BINS] of a histogram."""
    return np.frombuffer(base64.b64decode(text), ">u2").astype(np.int64).reshape(-1, BINS)
