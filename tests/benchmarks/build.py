"""The build beside a bare process pool and its peers: python -m tests.benchmarks.build --help.

Painted JPEGs of 500x375, shrunk to 256 pixels; with `--pixels=256x256` nothing is to be shrunk. The
pool only reads, decodes, resizes and encodes, by Pillow, and keeps nothing; a second one resizes by
the scaler that the build uses. All of them are whole commands; how long each takes for a few images
is shown apart, as its start.
"""

import argparse
import dataclasses
import json
import pathlib
import sys
import tempfile
from collections.abc import Sequence

from tests.benchmarks import photographs, side_by_side

RESULTS = pathlib.Path(__file__).parent / "build.json"
FEW = 64  # images, which take next to no time
POOL, OURS = "bare process pool", "data_pipeline.build"


def commands(
    source: pathlib.Path, output: pathlib.Path, workers: int, other_python: str | None
) -> dict[str, list[str]]:
    """Returns by name what is measured; of img2dataset only where a Python is named that has it."""
    peer = [sys.executable, "-m", "tests.benchmarks.build_peers"]
    places = [str(source), str(output), str(workers)]
    found = {
        POOL: [*peer, "pool", *places],
        "the same with our scaler": [*peer, "scaler", *places],
        OURS: build_command(source, output, workers),
        "tfds.core.BeamBasedBuilder": [*peer, "tfds", *places],
    }
    if other_python:
        found["img2dataset"] = _img2dataset(other_python, source, output, workers)
    return found


def build_command(source: pathlib.Path, output: pathlib.Path, workers: int) -> list[str]:
    """Returns our command."""
    return [
        *(sys.executable, "-m", "data_pipeline.build", "--dataset=photographs"),
        *("--layout=image_folder", f"--source={source}", f"--data_dir={output}"),
        f"--num_workers={workers}",
    ]


def _img2dataset(
    python: str, source: pathlib.Path, output: pathlib.Path, workers: int
) -> list[str]:
    urls = source.with_name(f"{source.name}.txt")
    urls.write_text("".join(f"file://{path}\n" for path in sorted(source.rglob("*.jpg"))))
    options = {
        "url_list": urls,
        "output_folder": output,
        "output_format": "webdataset",
        "processes_count": workers,
        "thread_count": 16,
        "image_size": 256,
        "resize_mode": "keep_ratio",
        "downscale_interpolation": "lanczos",
        "encode_quality": 95,
        "number_sample_per_shard": 512,
        "retries": 0,
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    return [python, "-m", "img2dataset.main", *words]


def measured(
    directory: pathlib.Path,
    images: int,
    pixels: str,
    workers: int,
    times: int,
    other_python: str | None,
) -> list[dict]:
    """Returns a row of numbers for each command."""
    rows = []
    few, all_of_them = directory / f"{FEW}-{pixels}", directory / f"{images}-{pixels}"
    width, height = map(int, pixels.split("x"))
    photographs.folder(few, FEW, (width, height))
    photographs.folder(all_of_them, images, (width, height))
    output = directory / "output"
    starts = side_by_side.alternating(commands(few, output, workers, other_python), times, output)
    runs = side_by_side.alternating(
        commands(all_of_them, output, workers, other_python), times, output
    )
    limit, begun = runs[POOL], starts[POOL]
    for name, run in runs.items():
        rows.append(
            {
                "name": name,
                "workers": workers,
                "images": images,
                "pixels": pixels,
                **dataclasses.asdict(run),
                "start_seconds": starts[name].seconds,
                "start_cpu_seconds": starts[name].cpu_seconds,
                "images_per_second": images / run.seconds,
                "images_per_cpu_second": images / run.cpu_seconds,
                "times_pool": limit.seconds / run.seconds,
                "times_pool_after_start": (limit.seconds - begun.seconds)
                / (run.seconds - starts[name].seconds),
                "times_pool_by_cpu": limit.cpu_seconds / run.cpu_seconds,
                "times_pool_by_cpu_after_start": (limit.cpu_seconds - begun.cpu_seconds)
                / (run.cpu_seconds - starts[name].cpu_seconds),
            }
        )
    return rows


# Heading, key and format of each column.
_COLUMNS = (
    ("workers", "workers", "{:.0f}"),
    ("seconds", "seconds", "{:.1f}"),
    ("start", "start_seconds", "{:.1f}"),
    ("images/s", "images_per_second", "{:.0f}"),
    ("of pool", "times_pool", "{:.2f}"),
    ("after start", "times_pool_after_start", "{:.2f}"),
    ("CPU s", "cpu_seconds", "{:.1f}"),
    ("start", "start_cpu_seconds", "{:.1f}"),
    ("images/CPU s", "images_per_cpu_second", "{:.0f}"),
    ("of pool", "times_pool_by_cpu", "{:.2f}"),
    ("after start", "times_pool_by_cpu_after_start", "{:.2f}"),
    ("peak bytes", "peak_bytes", "{:.2e}"),
)


def show(rows: Sequence[dict]) -> None:
    """Prints the table."""
    print(" " * 28, *(f"{heading:>12}" for heading, _, _ in _COLUMNS))
    for row in rows:
        cells = [shape.format(row[key]) for _, key, shape in _COLUMNS]
        print(f"{row['name']:28}", *(f"{cell:>12}" for cell in cells), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--pixels", default="500x375", help="width and height of the images")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--img2dataset_python", help="a Python that has img2dataset")
    parser.add_argument("--directory", type=pathlib.Path, help="keeps the images for a next time")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = given.directory or pathlib.Path(temporary)
        rows = []
        for workers in given.workers:
            rows += measured(
                directory,
                given.images,
                given.pixels,
                workers,
                given.times,
                given.img2dataset_python,
            )
    show(rows)
    if not given.img2dataset_python:
        print("img2dataset: not measured, as no --img2dataset_python was given")
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
