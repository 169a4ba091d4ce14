"""Head epochs on cached features against head epochs on images.

python -m tests.benchmarks.feature_cache --weights=PATH [--alpha=.35] [--images=4000]
    [--epochs_on_images=3]

MobileNetV2 at 128 px on painted images, twenty epochs at most alike: those on images take the same
time each, so that some of them are run and the time of twenty is reckoned from it, the first one,
which traces, left out. With `--epochs_on_images=20` nothing is reckoned. `--weights=none` does for
another width whose weights are not there: the time is the same, and the AUC says nothing.
"""

import argparse
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import time

RESULTS = pathlib.Path(__file__).parent / "feature_cache.json"
SIZE, EPOCHS = 128, 20


def painted(shade: int, size: int, seed: int) -> bytes:
    """A cloudy picture; in every second one, by `shade`, with a trace of up-sampling."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng([seed, shade])
    clouds = Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8)).resize((size, size))
    grid = np.indices((size, size)).sum(axis=0) % 2 * 2 - 1
    trace = random.uniform(0, 30) * (shade > 120) * grid[..., None]
    pixels = np.asarray(clouds, np.float32) + random.normal(0, 8, (size, size, 3)) + trace
    buffer = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def child(directory: str, weights: str, alpha: float, cached: bool, epochs: int) -> None:
    """Trains in this process; prints the times of its head phase, and the validation AUC."""
    from trainer import quiet

    with quiet.tensorflow():
        from trainer import config as configs
        from trainer import training
        from trainer.running import loop, validation

    marks = [(time.perf_counter(), time.process_time())]
    aucs = []

    def note() -> None:
        marks.append((time.perf_counter(), time.process_time()))

    run, validate = loop.PhaseLoop.run, validation.validate

    def timed_run(self, log) -> None:
        marks.clear()
        note()
        run(self, log)

    def timed_validate(run, phase, log) -> None:
        validate(run, phase, log)
        aucs.append(log.validations()[-1]["auc"])
        note()

    loop.PhaseLoop.run, validation.validate = timed_run, timed_validate
    config = configs.TrainConfig(
        data_dir=directory,
        dataset="painted",
        run_dir=f"{directory}/run_{cached}_{time.time()}",
        model="mobilenet_v2",
        alpha=alpha,
        weights=weights,
        augment="none",
        epochs=epochs,
        patience=epochs,
        feature_cache=cached,
    )
    training.train_and_evaluate(config)
    print(json.dumps({"marks": marks, "aucs": aucs}))


def measure(directory: str, model: list[str], cached: bool, epochs: int) -> dict:
    """Returns wall and processor seconds of twenty epochs, and the best validation AUC."""
    command = [sys.executable, "-m", "tests.benchmarks.feature_cache", "--child", directory]
    command += [*model, "--epochs", str(epochs)] + ["--cached"] * cached
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    marks = found["marks"]
    wall, processor = (marks[-1][i] - marks[0][i] for i in (0, 1))
    if epochs < EPOCHS:
        later = [(marks[-1][i] - marks[1][i]) / (epochs - 1) for i in (0, 1)]
        wall, processor = (EPOCHS * seconds for seconds in later)
    return {"seconds": wall, "processor_seconds": processor, "auc": max(found["aucs"])}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", required=True)
    parser.add_argument("--alpha", type=float, default=0.35)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--epochs_on_images", type=int, default=3)
    parser.add_argument("--child")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--cached", action="store_true")
    options = parser.parse_args()
    if options.child:
        child(options.child, options.weights, options.alpha, options.cached, options.epochs)
        return
    from tests import tiny

    tiny.jpeg = painted
    with tempfile.TemporaryDirectory() as directory:
        validation = options.images // 4
        tiny.write(
            pathlib.Path(directory),
            name="painted",
            train=options.images,
            validation=validation,
            test=64,
            shards=4,
            size=SIZE,
        )
        model = ["--weights", options.weights, "--alpha", str(options.alpha)]
        rows = {
            "images": measure(directory, model, False, options.epochs_on_images),
            "features": measure(directory, model, True, EPOCHS),
        }
    for name, row in rows.items():
        print(
            f"{EPOCHS} epochs on {name:8}: {row['seconds']:7.1f} s, "
            f"{row['processor_seconds']:7.1f} processor seconds, validation AUC {row['auc']:.4f}"
        )
    ratio = rows["images"]["seconds"] / rows["features"]["seconds"]
    of_processor = rows["images"]["processor_seconds"] / rows["features"]["processor_seconds"]
    print(f"features are {ratio:.1f} times as fast, by processor time {of_processor:.1f} times")
    RESULTS.write_text(json.dumps({"images": options.images, **rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
