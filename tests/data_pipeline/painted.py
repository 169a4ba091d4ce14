"""Sources painted in code: folders of small JPEGs, each of its own shade."""

import io
import pathlib

import numpy as np
from PIL import Image


def jpeg(shade: int, width: int = 24, height: int = 16, comment: bytes = b"") -> bytes:
    """A baseline JPEG of one shade, with a pattern that makes its bytes its own."""
    pixels = np.full((height, width, 3), shade % 200, np.uint8)
    pixels[: 1 + shade // 200, : 1 + shade % 20] = 255
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG", quality=90, comment=comment or None)
    return buffer.getvalue()


def folder(
    root: pathlib.Path, count: int = 12, classes: tuple[str, ...] = ("real", "fake")
) -> None:
    """Writes `count` images, in turn into the classes: `real/000.jpg`, `fake/001.jpg`, ..."""
    for index in range(count):
        path = root / classes[index % len(classes)] / f"{index:03d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(7 * index))
