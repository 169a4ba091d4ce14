"""Sources painted in code: folders of small JPEGs, each of its own shade."""

import io
import pathlib

import numpy as np
from PIL import Image

from data_pipeline.config import BuildConfig


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


def build(root: pathlib.Path) -> BuildConfig:
    """Writes twelve images into `root/source`; returns a build of four shards into `root/data`."""
    folder(root / "source")
    return BuildConfig(
        dataset="tiny",
        layout="image_folder",
        source=str(root / "source"),
        data_dir=str(root / "data"),
        splits="0.5,0.25,0.25",
        records_per_shard=4,
        num_workers=1,
    )


def shortcut(root: pathlib.Path, count: int) -> None:
    """Writes as many images whose fakes are JPEGs of quality 75, and whose reals are PNGs.

    Nothing else tells them apart: both are waves of any colour with noise of any strength.
    """
    for index in range(count):
        picture = Image.fromarray(_waves(np.random.default_rng(index)))
        path = root / ("fake" if index % 2 else "real") / f"{index:03d}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if index % 2:
            picture.save(path.with_suffix(".jpg"), quality=75)
        else:
            picture.save(path.with_suffix(".png"))


def _waves(generator: np.random.Generator) -> np.ndarray:
    """Returns uint8 [48, 48, 3]."""
    down, across = np.mgrid[:48, :48] / 48
    waves = [
        128 + 80 * np.sin(2 * np.pi * (4 * x * across + 4 * y * down + phase)) + 60 * (level - 0.5)
        for x, y, phase, level in generator.random((3, 4))
    ]
    noise = generator.normal(0, generator.uniform(2, 14), (48, 48, 3))
    return np.clip(np.stack(waves, axis=2) + noise, 0, 255).astype(np.uint8)
