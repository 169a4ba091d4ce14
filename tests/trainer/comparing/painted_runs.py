"""Directories of runs painted in code: no model is trained."""

import json
import pathlib

import numpy as np

from trainer.scoring import scored


def write(
    directory: pathlib.Path,
    *,
    skill: float,
    seed: int = 0,
    examples: int = 400,
    group_size: int = 2,
    epochs: int = 5,
    dataset: str = "faces",
    is_complete: bool = True,
    **flags,
) -> pathlib.Path:
    """Writes a run whose scores tell the classes apart the better the higher its `skill` is.

    Runs share what makes an example hard, as those of one test set do.
    """
    directory.mkdir(parents=True)
    config = {"dataset": dataset, "model": "cnn", "learning_rate": 0.001, "seed": 0, **flags}
    _write_json(directory / "config.json", {**config, "run_dir": str(directory)})
    lines = [
        line for epoch in range(1, epochs + 1) for line in _lines(epoch, skill * (1 - 0.7**epoch))
    ]
    (directory / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    if not is_complete:
        return directory
    predictions = _predictions(skill, seed, examples, group_size)
    predictions.write(directory / "test_predictions.csv")
    summary = {
        "status": "complete",
        "steps": 10 * epochs,
        "steps_per_epoch": 10,
        "parameters": {"total": 98_289, "trainable": 97_809},
        "image_size": 96,
        "seconds": 61.2,
        "images_per_second": 1234.5,
        "peak_memory_mb": 1500.0,
        "test": predictions.evaluate(),
        "test_set": {
            "dataset": dataset,
            "version": "1.0.0",
            "plan_digest": "0" * 64,
            "split": "test",
            "target": "label",
            "class_names": ["real", "fake"],
            "positive": 1,
            "examples_sha256": predictions.sha256(),
        },
    }
    _write_json(directory / "summary.json", summary)
    return directory


def _predictions(skill: float, seed: int, examples: int, group_size: int) -> scored.Scored:
    labels = np.arange(examples) % 2
    hardness = np.random.default_rng(99).normal(0, 1, examples)
    own = np.random.default_rng(seed).normal(0, 0.3, examples)
    logits = (2 * labels - 1) * skill + hardness + own
    chance = 1 / (1 + np.exp(-logits))
    return scored.Scored(
        image_ids=tuple(f"{index:04d}.jpg" for index in range(examples)),
        group_ids=tuple(f"{index // group_size:04d}" for index in range(examples)),
        labels=labels,
        chances=np.stack([1 - chance, chance], axis=1),
        class_names=("real", "fake"),
        positive=1,
    )


def _lines(epoch: int, skill: float):
    loss, where = 0.7 / (1 + skill), {"phase": "train", "epoch": epoch}
    yield {"step": 10 * epoch - 5, "split": "train", **where, "loss": loss * 0.9}
    values = {"loss": loss, "accuracy": 1 - loss / 2, "auc": 1 - loss / 2.5}
    yield {"step": 10 * epoch, "split": "validation", **where, **values}


def _write_json(path: pathlib.Path, content: dict) -> None:
    path.write_text(json.dumps(content))
