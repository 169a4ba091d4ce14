"""What `build` is measured against, each a command of its own.

python -m tests.benchmarks.build_peers pool|tfds SOURCE OUTPUT WORKERS
"""

import io
import multiprocessing
import pathlib
import sys

from PIL import Image

SIZE, QUALITY = 256, 95  # as the build has them by default


def shrunk(data: bytes) -> bytes:
    """Does with a photograph what the image policy does with it, and nothing else."""
    image = Image.open(io.BytesIO(data))
    scale = SIZE / min(image.size)
    target = tuple(round(side * scale) for side in image.size)
    drafted = image.draft(None, (2 * target[0], 2 * target[1]))
    box = drafted[1] if drafted else None
    image = image.resize(target, Image.Resampling.LANCZOS, box, reducing_gap=3.0)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY, subsampling=0)
    return file.getvalue()


def _shrink(path: pathlib.Path) -> int:
    return len(shrunk(path.read_bytes()))


def pool(source: pathlib.Path, workers: int) -> None:
    """The limit: reads, decodes, resizes, encodes, and forgets."""
    with multiprocessing.Pool(workers) as processes:
        sizes = processes.map(_shrink, sorted(source.rglob("*.jpg")), chunksize=16)
    print(f"{len(sizes)} images, {sum(sizes)} bytes")


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
    if name == "pool":
        pool(pathlib.Path(source), int(workers))
    else:
        tfds(pathlib.Path(source), pathlib.Path(output), int(workers))


if __name__ == "__main__":
    main(*sys.argv[1:])
