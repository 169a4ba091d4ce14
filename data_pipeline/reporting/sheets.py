"""Contact sheets: rows of small pictures in one PNG file, cell beside cell."""

import io
import pathlib
from collections.abc import Sequence

from PIL import Image, ImageOps

COLUMNS = 8
CELL = 160  # pixels
GAP = 4  # pixels between cells
_PAPER = "white"


def sheet(rows: Sequence[Sequence[bytes]]) -> bytes:
    """Returns a PNG of JPEGs that this project has written, at most `COLUMNS` in a row."""
    pitch = CELL + GAP
    size = COLUMNS * pitch - GAP, max(1, len(rows)) * pitch - GAP
    picture = Image.new("RGB", size, _PAPER)
    for row, jpegs in enumerate(rows):
        for column, jpeg in enumerate(jpegs[:COLUMNS]):
            picture.paste(_cell(jpeg), (column * pitch, row * pitch))
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", compress_level=1)  # the others take three times as long
    return buffer.getvalue()


def read(path: pathlib.Path, number: int) -> list[bytes]:
    """Returns the first cells of a sheet's first row as JPEGs; none where there is no sheet."""
    try:
        with Image.open(path, formats=("PNG",)) as opened:
            sheet = opened.convert("RGB")
    except OSError:
        return []
    pitch = CELL + GAP
    boxes = [(column * pitch, 0, column * pitch + CELL, CELL) for column in range(number)]
    return [_encode(sheet.crop(box)) for box in boxes]


def small(jpeg: bytes) -> bytes:
    """Returns a JPEG as small as a cell."""
    return _encode(_cell(jpeg))


def _cell(jpeg: bytes) -> Image.Image:
    with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as image:
        image.draft("RGB", (2 * CELL, 2 * CELL))
        return ImageOps.fit(image.convert("RGB"), (CELL, CELL), Image.Resampling.LANCZOS)


def _encode(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=85)
    return buffer.getvalue()
