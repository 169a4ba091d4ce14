"""Videos painted in code: the faces of the embedded sample, moving over a plain ground."""

import fractions
import functools
import io
import json
import pathlib
from collections.abc import Sequence

import av
import numpy as np
from PIL import Image

from data_pipeline.sample import painter

WIDTH, HEIGHT = 320, 240
FACE_SIDE = 224
NUM_FRAMES = 30
RATE = 25


@functools.cache
def face(index: int, fake: bool = False) -> Image.Image:
    """The picture of a face; `index` counts the faces of the sample."""
    data = painter.paint("human_faces", fake, 0, 3 * index + 1)
    return Image.open(io.BytesIO(data)).resize((FACE_SIDE, FACE_SIDE))


def frames(index: int | None, fake: bool = False, num_frames: int = NUM_FRAMES):
    """Yields frames on which a face moves to the right, by one pixel a frame."""
    for number in range(num_frames):
        frame = Image.new("RGB", (WIDTH, HEIGHT), (96, 120, 140 + number))
        if index is not None:
            frame.paste(face(index, fake), (number, 8))
        yield np.asarray(frame)


def write(
    path: pathlib.Path,
    pictures,
    *,
    times: Sequence[int] | None = None,
    codec: str = "libx264",
    matrix: Sequence[int] | None = None,
    key_frame_every: int = 12,
) -> pathlib.Path:
    """Writes a video; `times` of its frames in thousandths of a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = None
        for number, pixels in enumerate(pictures):
            if stream is None:
                stream = container.add_stream(codec, rate=RATE)
                stream.height, stream.width = pixels.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.gop_size = key_frame_every
                stream.codec_context.thread_count = 1  # so that the same frames give the same bytes
                stream.codec_context.time_base = fractions.Fraction(1, 1000)
                if matrix:
                    stream.set_display_matrix(matrix)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = times[number] if times else number * 1000 // RATE
            frame.time_base = stream.codec_context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def dfdc(root: pathlib.Path, num_originals: int = 4, num_fakes: int = 1) -> pathlib.Path:
    """Writes two parts of originals and their fakes."""
    parts: dict[int, dict] = {0: {}, 1: {}}
    for index in range(num_originals):
        part = parts[index % 2]
        name = f"{chr(97 + index) * 10}.mp4"
        folder = root / f"dfdc_train_part_{index % 2}"
        write(folder / name, frames(index))
        part[name] = {"label": "REAL", "split": "train", "original": None}
        for number in range(num_fakes):
            fake = f"{chr(97 + index) * 9}{number}.mp4"
            write(folder / fake, frames(index, fake=True))
            part[fake] = {"label": "FAKE", "split": "train", "original": name}
    for number, part in parts.items():
        path = root / f"dfdc_train_part_{number}" / "metadata.json"
        path.write_text(json.dumps(part))
    return root
