"""The pictures of the embedded dataset `sample`, painted by code.

Two targets: `content`, what is seen, and `label`, whether the picture has been through the
up-sampling of a generator (`upsampling`). Everything else, the scenes and the camera, has one
distribution for both labels, so that colour, contrast or file size do not give the label away.
"""

import dataclasses
import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from data_pipeline.sample import scenes, upsampling

CONTENTS = ("animals", "human_faces", "vehicles")
LABELS = ("real", "fake")
IMAGE_SIZE = 96  # pixels; faces are still found by detectors that want 40 pixels or more
DEFAULT_NUM_IMAGES = 2_400
JPEG_QUALITY = 95  # the trace lives in the highest frequencies, which JPEG cuts first

TEXTURE = 0.22  # contrast of a surface of roughness 255, standard deviation over mean
SENSOR_NOISE = (1.5, 3.0)  # range of the standard deviation, of 255
SIZE_STEPS = 8  # at most, of the search for the noise that fills the file
SIZE_TOLERANCE = 10  # bytes; file sizes spread by hundreds


@dataclasses.dataclass(frozen=True)
class Painting:
    """One picture of the dataset: where it lies and what `paint` needs to make it."""

    path: str
    content: str
    fake: bool
    index: int


def paintings(num_images: int = DEFAULT_NUM_IMAGES) -> list[Painting]:
    """Returns what the dataset consists of, equally many of each label and content.

    No two share an index, so no real picture has a fake twin of the same scene.
    """
    return [_painting(index) for index in range(num_images)]


def _painting(index: int) -> Painting:
    content = CONTENTS[index % len(CONTENTS)]
    fake = index // len(CONTENTS) % 2 == 1
    return Painting(f"{LABELS[fake]}/{content}/{index:05d}.jpg", content, fake, index)


def paint(content: str, fake: bool, seed: int, index: int) -> bytes:
    """Returns a picture as a baseline JPEG, RGB of `IMAGE_SIZE` square, without EXIF.

    The same arguments give the same bytes in every process. The scene depends on all of them but
    `fake`.

    Args:
        content: one of `CONTENTS`.
        fake: whether the scene is doubled from half its size, as by a generator.
        seed: of the dataset, 0 or more.
        index: of the picture in the dataset, 0 or more.

    Raises:
        ValueError: if the content is unknown, or seed or index are negative.
    """
    if content not in CONTENTS:
        raise ValueError(f"content must be one of {CONTENTS}. Received: {content=}")
    scene_rng, trace_rng, camera_rng = (
        np.random.Generator(np.random.PCG64([seed, index, CONTENTS.index(content), stream]))
        for stream in range(3)
    )
    scene = _lit(scenes.draw(content, IMAGE_SIZE, scene_rng), scene_rng)
    blur = camera_rng.random()
    photograph = upsampling.photograph(scene, blur)
    image = upsampling.generate(scene, blur, trace_rng) if fake else photograph
    return _exposed(image, photograph, camera_rng)


def _lit(drawing: npt.NDArray[np.uint8], rng: np.random.Generator) -> upsampling.Pixels:
    """Gives surfaces their texture and the scene its light; float32 [size, size, 3]."""
    y, x = np.mgrid[-1 : 1 : IMAGE_SIZE * 1j, -1 : 1 : IMAGE_SIZE * 1j]
    slope = rng.normal(0, 0.16, 2)
    light = rng.uniform(0.9, 1.1) + slope[0] * x + slope[1] * y - 0.1 * (x * x + y * y)
    rough = drawing[..., 3] * (TEXTURE / 255)
    light = light * (1 + rough * _texture(rng))
    return (drawing[..., :3] * light[..., None]).astype(np.float32)


def _texture(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Noise with a falling spectrum, as surfaces have it; standard deviation 1."""
    noise = np.fft.rfft2(rng.standard_normal((IMAGE_SIZE, IMAGE_SIZE)))
    y, x = np.fft.fftfreq(IMAGE_SIZE)[:, None], np.fft.rfftfreq(IMAGE_SIZE)
    field = np.fft.irfft2(noise / (0.04 + np.hypot(y, x)) ** 1.5)
    return field / field.std()


def _exposed(
    image: upsampling.Pixels, reference: upsampling.Pixels, rng: np.random.Generator
) -> bytes:
    """Adds the noise of a sensor, as strong as makes the file as large as the reference's.

    A file's size tells how much detail a picture has. The reference is the same for both labels,
    and so are the sizes.
    """
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    strength = rng.uniform(*SENSOR_NOISE)
    target = len(_jpeg(reference + strength * noise))
    low, high = 0.0, 2 * strength
    for _ in range(SIZE_STEPS):
        picture = _jpeg(image + strength * noise)
        missing = target - len(picture)
        if abs(missing) <= SIZE_TOLERANCE:
            break
        low, high = (strength, high) if missing > 0 else (low, strength)
        strength = (low + high) / 2
    return picture


def _jpeg(image: upsampling.Pixels) -> bytes:
    pixels = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling="4:2:0")
    return buffer.getvalue()
