"""Memory of builds of more and more images: python -m tests.benchmarks.build_memory --help.

Painted JPEGs, two workers; the proportional set size (PSS) at its largest.
"""

import argparse
import dataclasses
import json
import pathlib
import tempfile

from tests.benchmarks import build, photographs, side_by_side

RESULTS = pathlib.Path(__file__).parent / "build_memory.json"
WORKERS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=500, help="of the smallest build")
    parser.add_argument("--times", type=int, nargs="+", default=[1, 4, 16], help="as many images")
    parser.add_argument("--pixels", default="256x256", help="width and height of the images")
    parser.add_argument("--directory", type=pathlib.Path, help="keeps the images for a next time")
    given = parser.parse_args()
    width, height = map(int, given.pixels.split("x"))
    rows = []
    print(f"{'images':>7} {'all':>7} {'driver':>7} {'largest other':>13} {'seconds':>7}")
    with tempfile.TemporaryDirectory() as temporary:
        directory = given.directory or pathlib.Path(temporary)
        for images in (given.images * times for times in given.times):
            source = directory / f"{given.pixels}-{images}"
            photographs.folder(source, images, (width, height))
            output = pathlib.Path(temporary) / f"built-{images}"
            run = side_by_side.run(build.build_command(source, output, WORKERS))
            rows.append({"images": images, **dataclasses.asdict(run)})
            print(
                f"{images:7} {run.peak_bytes / 1e6:4.0f} MB {run.own_bytes / 1e6:4.0f} MB "
                f"{run.largest_bytes / 1e6:10.0f} MB {run.seconds:7.1f}",
                flush=True,
            )
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
