"""Pictures made smaller.

The filter is Lanczos of three lobes, stretched over all pixels that fall into one, so that fine
structures do not fold into coarse ones. Pillow has the same filter; FFmpeg's scaler takes a fourth
of its time, and the sum is rounded once and not twice. Its arithmetic is that of integers, and
the same with the vector instructions of any processor.
"""

import functools
import importlib.util
from typing import Any

import numpy as np
from PIL import Image

from tfrecords import exits

# Where more pixels fall into one, blocks of them are averaged first, and so much is left to the
# filter: as Pillow's documentation says of its `reducing_gap`, results can hardly be told apart.
_LEFT_TO_FILTER = 3


def check_scaler() -> None:
    """Checks that the scaler is there, which would be missed when the first picture is shrunk.

    Raises:
      MachineError: its package is not installed.
    """
    if importlib.util.find_spec("av") is None:
        raise exits.MachineError(
            "The package av, which shrinks pictures, is not installed. Install what this version "
            "needs: pip install -e ."
        )


def shrink(
    image: Image.Image, size: tuple[int, int], source: tuple[float, float] | None = None
) -> Image.Image:
    """Returns a picture with fewer pixels; asked by one thread at a time.

    Args:
      image: of mode RGB.
      size: width and height of the result in pixels, at most those of the picture.
      source: how much of the picture becomes that, from its upper left corner: a decoder that
        scales fills up its last pixels. None for all of it.
    """
    if source not in (None, image.size):  # the scaler knows of no parts of pixels
        lanczos = Image.Resampling.LANCZOS
        return image.resize(size, lanczos, (0, 0, *source), reducing_gap=_LEFT_TO_FILTER)
    blocks = [
        max(1, before // (after * _LEFT_TO_FILTER))
        for before, after in zip(image.size, size, strict=True)
    ]
    if max(blocks) > 1:
        averages = [round(side / block) for side, block in zip(image.size, blocks, strict=True)]
        image = image.resize(averages, Image.Resampling.BOX)
    made = _scaled(_frame(image), size)
    bands = [
        Image.frombuffer("L", size, plane, "raw", "L", plane.line_size, 1) for plane in made.planes
    ]
    return Image.merge("RGB", bands)


def _frame(image: Image.Image) -> Any:
    """Returns a frame with the channels of a picture as its planes.

    The scaler takes them for brightness and colour, and treats them alike: what comes out has as
    many of each as what goes in.
    """
    import av

    frame = av.VideoFrame(image.width, image.height, "yuv444p")
    for plane, band in zip(frame.planes, image.getbands(), strict=True):
        rows = np.frombuffer(plane, np.uint8).reshape(image.height, -1)
        # In half of the time that `split` takes, which makes a picture of each.
        pixels = np.frombuffer(image.tobytes("raw", band), np.uint8)
        rows[:, : image.width] = pixels.reshape(image.height, image.width)
    return frame


def _scaled(frame: Any, size: tuple[int, int]) -> Any:
    from av.video.reformatter import Interpolation

    exact = Interpolation.LANCZOS | Interpolation.ACCURATE_RND | Interpolation.BITEXACT
    # One thread, as each processor has a decoder.
    return _scaler().reformat(frame, *size, interpolation=exact, threads=1)


@functools.cache
def _scaler() -> Any:
    # Keeps the filter for the next picture of the same size. Loaded here, because it takes memory
    # that only those need who open pictures.
    from av.video.reformatter import VideoReformatter

    return VideoReformatter()
