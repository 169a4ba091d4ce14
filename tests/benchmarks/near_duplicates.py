"""The search for pictures that look alike: python -m tests.benchmarks.near_duplicates --help.

Signatures at random, which are like no other; those of blends of three of 150 pictures, which are
as alike as aligned faces; and such blends of which nine in ten are one and the same.
"""

import argparse
import base64
import json
import pathlib
import time

import numpy as np
from PIL import Image

from data_pipeline.images import perceptual_hash
from data_pipeline.planning import near_duplicates
from tests.benchmarks import photographs

RESULTS = pathlib.Path(__file__).parent / "near_duplicates.json"
BITS = 4
_NUM_BLENDED = 150


def at_random(number: int) -> list[str]:
    """Returns signatures of no picture."""
    size = 8 * perceptual_hash.NUM_HASHES * perceptual_hash.WORDS
    rows = np.random.default_rng(0).integers(0, 256, (number, size), np.uint8)
    return [base64.b64encode(row.tobytes()).decode() for row in rows]


def blends(number: int, pictures: np.ndarray) -> list[str]:
    """Returns signatures of weighted means of three of some pictures, float32 [., side, side]."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(number):
        chosen = random.choice(len(pictures), 3, replace=False)
        weights = random.dirichlet(np.ones(3)).astype(np.float32)
        blend = np.tensordot(weights, pictures[chosen], 1)
        found.append(perceptual_hash.signature(blend.astype(np.uint8)))
    return found


def pictures_of(folder: pathlib.Path | None) -> np.ndarray:
    """Returns float32 [pictures, side, side]: of a folder, else painted."""
    side = perceptual_hash.SIDE
    if folder:
        paths = sorted(path for path in folder.rglob("*") if path.is_file())[:_NUM_BLENDED]
        images = [Image.open(path) for path in paths]
    else:
        images = [photographs.image(seed, (side, side)) for seed in range(_NUM_BLENDED)]
    small = [image.convert("L").resize((side, side), Image.Resampling.BILINEAR) for image in images]
    return np.stack([np.asarray(image, np.float32) for image in small])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=200_000)
    parser.add_argument("--faces", type=pathlib.Path, help="a folder of aligned faces to blend")
    given = parser.parse_args()
    blended = blends(given.number, pictures_of(given.faces))
    mostly_one = [blended[0] if place % 10 else text for place, text in enumerate(blended)]
    cases = {
        "at random": at_random(given.number),
        "blends": blended,
        "nine of ten the same": mostly_one,
    }
    rows = []
    for name, signatures in cases.items():
        unpacked = perceptual_hash.unpack(signatures)
        start, used = time.perf_counter(), time.process_time()
        found = near_duplicates.find(unpacked.view, BITS, range(len(signatures)))
        row = {
            "name": name,
            "signatures": len(signatures),
            "cpu_seconds": time.process_time() - used,
            "seconds": time.perf_counter() - start,
            "pairs": found.num_pairs,
        }
        rows.append(row)
        print(
            f"{name:22} {row['signatures']:9,} {row['cpu_seconds']:6.1f} CPU s "
            f"{row['seconds']:6.1f} s {row['pairs']:16,} pairs",
            flush=True,
        )
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
