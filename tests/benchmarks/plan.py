"""The planned memory of a training against the measured: python -m tests.benchmarks.plan.

`--models=xception,cnn` measures the rows of some, `--remat` those of a table of its own. Each row
is a process of its own, which trains six steps and predicts a batch. Of rows that are measured
again the higher peak is kept in plan.json, as the order in which two cores come by the kernels
moves it by a fifth.
"""

import argparse
import json
import pathlib
import subprocess
import sys
from typing import Any, NamedTuple

RESULTS = pathlib.Path(__file__).parent / "plan.json"


class Case(NamedTuple):
    """A training; in the whole batch at a time where there is no micro-batch."""

    model: str
    phase: str
    image_size: int
    batch: int
    micro_batch: int | None = None
    precision: str = "float32"
    remat: bool = False


# Large enough that tensors, not code, make the memory. The constants of `capacity.estimates` were
# fitted to the first ones and to the pairs; those that are held out were measured afterwards.
FITTED = (
    Case("cnn", "train", 224, 64),
    Case("mobilenet_v2", "fine_tune", 160, 24),
    Case("vgg16", "fine_tune", 160, 16),
    Case("resnet50", "fine_tune", 160, 16),
    Case("resnet50", "fine_tune", 96, 64, 8),
    Case("densenet121", "fine_tune", 128, 16),
    Case("efficientnet_v2b0", "fine_tune", 160, 24),
    Case("xception", "fine_tune", 160, 16),
    Case("resnet50v2", "fine_tune", 160, 16),
    Case("inception_resnet_v2", "fine_tune", 160, 8),
    Case("convnext_tiny", "fine_tune", 128, 16),
    Case("xception", "head", 160, 64),
    Case("resnet50", "head", 160, 32),
    Case("vgg16", "head", 160, 32),
    Case("mobilenet_v2", "head", 160, 64),
    Case("resnet50", "fine_tune", 160, 16, precision="bfloat16"),
    Case("mobilenet_v2", "fine_tune", 160, 24, precision="bfloat16"),
    Case("forensic", "train", 128, 64),
    Case("cnn_6_blocks", "train", 128, 64),
    Case("mobilenet_v2", "fine_tune", 224, 16),
    Case("vgg16", "fine_tune", 224, 8),
    Case("resnet50", "fine_tune", 224, 8),
    Case("resnet50v2", "fine_tune", 128, 64, 16),
    Case("densenet121", "fine_tune", 224, 6),
    Case("efficientnet_v2s", "fine_tune", 128, 16),
    Case("efficientnet_v2b3", "head", 224, 64),
    Case("xception", "fine_tune", 299, 4),
    Case("xception", "head", 299, 24),
    Case("inception_resnet_v2", "head", 224, 32),
    Case("densenet121", "head", 224, 64),
    Case("xception", "fine_tune", 160, 16, precision="bfloat16"),
    Case("mobilenet_v2", "fine_tune", 192, 32),
)
HELD_OUT = (
    Case("efficientnet_v2b0", "fine_tune", 96, 96),
    Case("inception_resnet_v2", "fine_tune", 128, 32),
    Case("mobilenet_v2", "fine_tune", 128, 48),
    Case("resnet50v2", "fine_tune", 192, 16),
    Case("resnet50v2", "fine_tune", 160, 24, remat=True),
    Case("mobilenet_v2", "fine_tune", 128, 64, remat=True),
    Case("resnet50", "fine_tune", 128, 32, remat=True),
    Case("xception", "fine_tune", 128, 32, remat=True),
)
# With and without `--remat`.
PAIRS = (
    Case("mobilenet_v2", "fine_tune", 96, 64),
    Case("mobilenet_v2", "fine_tune", 160, 48),
    Case("efficientnet_v2b0", "fine_tune", 160, 48),
    Case("xception", "fine_tune", 160, 16),
    Case("resnet50", "fine_tune", 160, 24),
    Case("densenet121", "fine_tune", 128, 32),
    Case("inception_resnet_v2", "fine_tune", 160, 24),
    Case("convnext_tiny", "fine_tune", 128, 16),
)
RECOMPUTED = tuple(case._replace(remat=remat) for case in PAIRS for remat in (False, True))


def child(case: Case) -> dict[str, Any]:
    """Trains in a process of its own, so that its peak is that of nothing else."""
    words = [case.model, case.image_size, case.batch, case.micro_batch or case.batch]
    words += [case.phase, case.precision, *(["remat"] if case.remat else [])]
    command = [sys.executable, "-m", "tests.benchmarks.training_child", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", help="measure the rows of these")
    parser.add_argument("--remat", action="store_true", help="measure trainings with and without")
    options = parser.parse_args()
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    rows = {json.dumps(row["case"]): row for row in known}
    print(
        "| model | phase | px | batch | precision | | planned MB | measured MB | ratio | CPU ms |"
    )
    print("| --- | --- | --: | --: | --- | --- | --: | --: | --: | --: |")
    for case in RECOMPUTED if options.remat else (*FITTED, *HELD_OUT):
        if options.models and case.model not in options.models.split(","):
            continue
        found, before = child(case), rows.get(json.dumps(case))
        if before:
            found["peak_bytes"] = max(found["peak_bytes"], before["peak_bytes"])
        rows[json.dumps(case)] = {"case": case, "is_held_out": case in HELD_OUT, **found}
        batch = (
            f"{case.batch}" if case.micro_batch is None else f"{case.micro_batch} of {case.batch}"
        )
        remat = " --remat" if case.remat else ""
        print(
            f"| `{case.model}`{remat} | {case.phase} | {case.image_size} | {batch} | "
            f"{case.precision} | "
            f"{'held out' if case in HELD_OUT else 'fitted'} | "
            f"{found['planned_bytes'] / 1e6:,.0f} | {found['peak_bytes'] / 1e6:,.0f} | "
            f"{found['planned_bytes'] / found['peak_bytes']:.2f} | "
            f"{1e3 * found['cpu_seconds_per_image']:.0f} |",
            flush=True,
        )
        RESULTS.write_text(json.dumps(list(rows.values()), indent=2) + "\n")


if __name__ == "__main__":
    main()
