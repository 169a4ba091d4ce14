"""The planned memory of a training step against the measured: python -m tests.benchmarks.plan."""

import json
import pathlib
import subprocess
import sys

RESULTS = pathlib.Path(__file__).parent / "plan.json"
# Model, image size, batch, phase: large enough that tensors, not code, make the memory.
CASES = [
    ("cnn", 224, 64, "train"),
    ("mobilenet_v2", 160, 24, "fine_tune"),
    ("vgg16", 160, 16, "fine_tune"),
    ("resnet50", 160, 16, "fine_tune"),
    ("densenet121", 128, 16, "fine_tune"),
    ("efficientnet_v2b0", 160, 24, "fine_tune"),
    ("xception", 160, 16, "fine_tune"),
    ("resnet50v2", 160, 16, "fine_tune"),
    ("inception_resnet_v2", 160, 8, "fine_tune"),
    ("xception", 160, 32, "head"),
    ("resnet50", 160, 32, "head"),
]


def child(model: str, size: int, batch: int, micro_batch: int, phase: str) -> dict:
    """Trains in a process of its own, so that its peak is that of nothing else."""
    command = [sys.executable, "-m", "tests.benchmarks.training_child", model]
    command += [*map(str, (size, batch, micro_batch)), phase]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    rows = []
    print(f"{'model':20} {'phase':10} {'px':>4} {'batch':>5} {'planned':>9} {'measured':>9} ratio")
    for model, size, batch, phase in CASES:
        found = child(model, size, batch, batch, phase)
        ratio = found["planned_bytes"] / found["peak_bytes"]
        rows.append({"model": model, "size": size, "batch": batch, "phase": phase, **found})
        print(
            f"{model:20} {phase:10} {size:4} {batch:5} {found['planned_bytes'] / 1e6:6,.0f} MB "
            f"{found['peak_bytes'] / 1e6:6,.0f} MB {ratio:5.2f}",
            flush=True,
        )
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
