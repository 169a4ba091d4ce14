"""Memory and time of larger and larger batches: python -m tests.benchmarks.micro_batch.

ResNet50 at 96 px, fine-tuned whole; global batches in one piece and in micro-batches of 8. A step
that traces and two more, of which the quicker counts; `--largest=128` leaves out the batches above.
"""

import argparse
import json
import pathlib

from tests.benchmarks import plan

RESULTS = pathlib.Path(__file__).parent / "micro_batch.json"
BATCHES = (64, 128, 256, 512, 1024)
MICRO_BATCH = 8


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--largest", type=int, default=BATCHES[-1])
    options = parser.parse_args()
    rows = []
    print(
        f"{'batch':>5} {'micro-batch':>11} {'peak':>9} {'ms an image':>12} {'CPU ms an image':>16}"
    )
    for batch in (b for b in BATCHES if b <= options.largest):
        pieces = (MICRO_BATCH, batch) if batch == BATCHES[0] else (MICRO_BATCH,)
        for micro_batch in pieces:
            found = plan.child(plan.Case("resnet50", "fine_tune", 96, batch, micro_batch))
            rows.append({"batch": batch, "micro_batch": micro_batch, **found})
            print(
                f"{batch:5} {micro_batch:11} {found['peak_bytes'] / 1e6:6,.0f} MB "
                f"{found['seconds_per_image'] * 1e3:12.0f} "
                f"{found['cpu_seconds_per_image'] * 1e3:16.0f}",
                flush=True,
            )
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
