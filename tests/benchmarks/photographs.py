"""Paints JPEGs that cost a decoder what photographs cost: shades, shapes with edges, fine grain."""

import functools
import io
import multiprocessing
import pathlib

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

QUALITY = 90  # with halved chroma, as cameras and web sites write: some 40 to 60 kB at 500x375
_OCTAVES = (4, 8, 16, 32, 64, 128, 256)  # cells along the longer side, each weaker than the last
_NUM_SHAPES = 24


def folder(root: pathlib.Path, count: int, size: tuple[int, int] = (500, 375)) -> None:
    """Writes `count` JPEGs of (width, height) in two classes: `real/00000.jpg`, `fake/00001.jpg`.

    Those that are there are not painted again.
    """
    for name in ("real", "fake"):
        (root / name).mkdir(parents=True, exist_ok=True)
    with multiprocessing.Pool() as pool:
        pool.map(functools.partial(_write, root, size), range(count), chunksize=64)


def _write(root: pathlib.Path, size: tuple[int, int], index: int) -> None:
    path = root / ("fake" if index % 2 else "real") / f"{index:05d}.jpg"
    if not path.exists():
        path.write_bytes(jpeg(index, size))


def jpeg(seed: int, size: tuple[int, int]) -> bytes:
    """Returns a JPEG of (width, height) that looks like no other one."""
    file = io.BytesIO()
    image(seed, size).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def image(seed: int, size: tuple[int, int]) -> Image.Image:
    """Returns the picture of such a JPEG."""
    random = np.random.default_rng(seed)
    painted = Image.fromarray(_clouds(random, size))
    _add_shapes(painted, random)
    smooth = np.asarray(painted.filter(ImageFilter.BLUR), np.int16)
    grain = random.integers(-7, 8, (size[1], size[0], 1), np.int16)
    return Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8))


def _clouds(random: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Returns uint8 [height, width, 3]: noise of falling strength at rising frequencies."""
    pixels = np.full((size[1], size[0], 3), 127.0, np.float32)
    for number, cells in enumerate(_OCTAVES):
        noise = random.integers(0, 256, (cells * 3 // 4, cells, 3), np.uint8)
        smooth = Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)
        pixels += (np.asarray(smooth, np.float32) - 127) * 0.5**number
    return np.clip(pixels, 0, 255).astype(np.uint8)


def _add_shapes(image: Image.Image, random: np.random.Generator) -> None:
    draw = ImageDraw.Draw(image)
    for _ in range(_NUM_SHAPES):
        x, y = random.integers(0, image.size)
        width, height = random.integers(4, max(8, min(image.size) // 4), 2)
        colour = tuple(random.integers(0, 256, 3).tolist())
        shape = draw.ellipse if random.random() < 0.5 else draw.rectangle
        shape((int(x), int(y), int(x + width), int(y + height)), fill=colour)
