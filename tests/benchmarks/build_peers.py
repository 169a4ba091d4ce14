"""What `build` is measured against, each a command of its own.

python -m tests.benchmarks.build_peers pool|scaler|tfds SOURCE OUTPUT WORKERS
"""

import functools
import io
import multiprocessing
import pathlib
import sys
from collections.abc import Callable

from PIL import Image

from data_pipeline.images import shrinking

SIZE, QUALITY = 256, 95  # as the build has them by default


def shrunk(data: bytes, is_scaled: bool = True) -> bytes:
    """Does with a photograph what the image policy does with it, by Pillow alone.

    Args:
      data: the photograph, a JPEG.
      is_scaled: whether the decoder may leave out pixels of large ones.
    """
    image, target, box = _opened(data, is_scaled)
    return _encoded(image.resize(target, Image.Resampling.LANCZOS, box, reducing_gap=3.0))


def shrunk_by_scaler(data: bytes) -> bytes:
    """Does the same by the scaler that the image policy uses."""
    image, target, box = _opened(data, True)
    return _encoded(shrinking.shrink(image, target, box and box[2:]))


def _opened(data: bytes, is_scaled: bool) -> tuple[Image.Image, tuple[int, int], tuple | None]:
    image = Image.open(io.BytesIO(data))
    scale = SIZE / min(image.size)
    target = round(image.width * scale), round(image.height * scale)
    drafted = image.draft(None, (2 * target[0], 2 * target[1])) if is_scaled else None
    return image, target, drafted[1] if drafted else None


def _encoded(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY, subsampling=0)
    return file.getvalue()


def pool(source: pathlib.Path, workers: int, shrink: Callable[[bytes], bytes]) -> None:
    """The limit: reads, decodes, resizes, encodes, and forgets."""
    with multiprocessing.Pool(workers) as processes:
        call = functools.partial(_shrunk_size, shrink)
        sizes = processes.map(call, sorted(source.rglob("*.jpg")), chunksize=16)
    print(f"{len(sizes)} images, {sum(sizes)} bytes")


def _shrunk_size(shrink: Callable[[bytes], bytes], path: pathlib.Path) -> int:
    return len(shrink(path.read_bytes()))


def tfds(source: pathlib.Path, output: pathlib.Path, workers: int) -> None:
    """A dataset builder of TensorFlow Datasets on Beam, as its documentation has them."""
    import tensorflow_datasets
    from apache_beam.options import pipeline_options

    from tests.benchmarks import tfds_builder

    flags = ["--runner=FnApiRunner", f"--direct_num_workers={workers}"]
    if workers > 1:
        flags.append("--direct_running_mode=multi_processing")
    builder = tfds_builder.Photographs(source=source, data_dir=str(output))
    builder.download_and_prepare(
        download_config=tensorflow_datasets.download.DownloadConfig(
            beam_options=pipeline_options.PipelineOptions(flags)
        )
    )


def main(name: str, source: str, output: str, workers: str) -> None:
    if name != "tfds":
        shrink = shrunk if name == "pool" else shrunk_by_scaler
        pool(pathlib.Path(source), int(workers), shrink)
    else:
        tfds(pathlib.Path(source), pathlib.Path(output), int(workers))


if __name__ == "__main__":
    main(*sys.argv[1:])
