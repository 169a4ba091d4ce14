"""How long it takes to go on in the middle of an epoch: python -m tests.benchmarks.resume.

`reader.for_train` reads past what was seen without decoding it; beside it, an input that decodes
and discards what it has already seen, as pipelines do that can only start at the beginning. Painted
JPEGs of 256 px; the time is that to the first batch of 64. Both sides take turns.

    python -m tests.benchmarks.resume [--records=20000] [--rounds=3]
"""

import argparse
import json
import os
import pathlib
import statistics
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

from tests import tiny
from tfrecords import dataset
from trainer import input_pipeline
from trainer.augment import policies

RESULTS = pathlib.Path(__file__).parent / "resume.json"
SIZE, BATCH = 256, 64
PLACES = (0.1, 0.5, 0.9)  # of the epoch


def _batches(source: dataset.Dataset, start_step: int):
    return input_pipeline.for_train(
        source,
        "label",
        image_size=SIZE,
        global_batch_size=BATCH,
        seed=0,
        epoch=0,
        policy=policies.POLICIES["none"],
        start_step=start_step,
    )


def ours(source: dataset.Dataset, step: int) -> None:
    next(iter(_batches(source, step)))


def decode_and_discard(source: dataset.Dataset, step: int) -> None:
    next(iter(_batches(source, 0).skip(step)))


def measure(resume, source: dataset.Dataset, step: int) -> tuple[float, float]:
    """Returns the seconds to the first batch, of wall and of processor time."""
    start, used = time.perf_counter(), time.process_time()
    resume(source, step)
    return time.perf_counter() - start, time.process_time() - used


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    painted = [tiny.jpeg(60, SIZE, 0), tiny.jpeg(180, SIZE, 0)]
    tiny.jpeg = lambda shade, size, seed: painted[shade > 120]  # painting takes longer than reading
    rows = []
    with tempfile.TemporaryDirectory() as name:
        directory = tiny.write(
            pathlib.Path(name), train=options.records, validation=1, test=1, shards=16, size=SIZE
        )
        source = dataset.load(directory)
        size = sum(path.stat().st_size for path in directory.iterdir())
        print(f"{options.records:,} records, {size / 1e6:,.0f} MB")
        ours(source, 0)  # the first one traces
        for place in PLACES:
            step = int(place * (options.records // BATCH))
            found = {"ours": [], "decode_and_discard": []}
            for _ in range(options.rounds):
                found["ours"].append(measure(ours, source, step))
                found["decode_and_discard"].append(measure(decode_and_discard, source, step))
            medians = {
                side: [statistics.median(column) for column in zip(*times, strict=True)]
                for side, times in found.items()
            }
            rows.append({"place": place, "records": options.records, **medians})
            (wall, processor), (other, other_processor) = medians.values()
            print(
                f"at {place:.0%}: ours {wall:6.2f} s ({processor:.2f} processor seconds), "
                f"decode and discard {other:6.2f} s ({other_processor:.2f}): "
                f"{other_processor / processor:.0f} times",
                flush=True,
            )
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
