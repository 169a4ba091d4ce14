"""How all images are encoded alike, so that no format gives a label away. Pure.

What a JPEG has lost cannot be restored, and what was never compressed would stand out beside it. So
all images are encoded like the coarse ones among the sources: a JPEG of quality 75 that is encoded
at 75 again hardly changes, and a PNG that is encoded so is as coarse as it.
"""

from collections.abc import Sequence

from data_pipeline.images.image_policy import JPEG_CHROMA_SUBSAMPLING, JPEG_QUALITY, JpegSettings
from data_pipeline.references import Facts

COARSE_SHARE = 0.05  # of the files, which set the measure; a single bad one does not
MIN_QUALITY = 50
_HALVED = 2  # 4:2:0 in Pillow's numbering
# What is scaled down by so much shows little of how it was compressed.
_FORGETS = 2.0


def settings(facts: Sequence[Facts], image_size: int) -> JpegSettings:
    """Returns how all images are encoded.

    Args:
      facts: of all files that are written.
      image_size: the longest short side that is stored, in pixels.

    Returns:
      The quality that all but `COARSE_SHARE` of the JPEGs reach, between `MIN_QUALITY` and that of
      a build without this; 4:2:0 if more than that share of all files have less colour than grey.
      Files that are scaled down by two or more do not count.
    """
    kept = [fact for fact in facts if min(fact.width, fact.height) < _FORGETS * image_size]
    qualities = sorted(fact.quality for fact in kept if fact.quality is not None)
    quality = qualities[int(COARSE_SHARE * len(qualities))] if qualities else JPEG_QUALITY
    num_halved = sum(map(_has_less_colour, kept))
    is_halved = num_halved > COARSE_SHARE * len(kept)
    return JpegSettings(
        quality=min(max(quality, MIN_QUALITY), JPEG_QUALITY),
        subsampling=_HALVED if is_halved else JPEG_CHROMA_SUBSAMPLING,
    )


def _has_less_colour(fact: Facts) -> bool:
    # A lossy WebP always has halved chroma; few WebP files are lossless.
    return fact.format == "WEBP" or fact.subsampling not in ("", "grey", "4:4:4")
