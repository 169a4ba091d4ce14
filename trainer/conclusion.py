"""What a run leaves when it is done: predictions, metrics, pictures, the bundle, the report."""

import dataclasses
import pathlib
from typing import Any

import numpy as np

from tfrecords import dataset
from trainer import bundle, input_pipeline, run_directory
from trainer.augment import policies
from trainer.networks import models
from trainer.reporting import certainty, events, plots, report
from trainer.scoring import calibration, evaluation, scored
from trainer.scoring.calibration import Calibration
from trainer.task import Task

THRESHOLD = 0.5
WORST_MISTAKES = 12
PICTURED_IMAGES = 16


def evaluate(
    directory: pathlib.Path,
    task: Task,
    validation: evaluation.Predictions,
    test: evaluation.Predictions,
) -> dict[str, Any]:
    """Writes the predictions for the test split, and returns what they are worth.

    Returns:
      The calibration fitted on the validation split, both splits' metrics with it, and which
      examples were tested.
    """
    fitted = calibration.fit(validation.labels, validation.logits, task.positive)
    scores = {
        split: scored.Scored(
            *input_pipeline.example_ids(task.source, split),
            labels=predictions.labels,
            chances=predictions.probabilities(fitted),
            class_names=task.target.class_names,
            positive=task.positive,
        )
        for split, predictions in (("validation", validation), ("test", test))
    }
    scores["test"].write(directory / run_directory.PREDICTIONS)
    return {
        "calibration": dataclasses.asdict(fitted),
        **{split: score.evaluate() for split, score in scores.items()},
        "test_set": test_set(task.source, "test", task.config.target, scores["test"]),
    }


def test_set(
    source: dataset.Dataset, split: str, target: str, examples: scored.Scored
) -> dict[str, Any]:
    """Returns what must be equal for two results to be compared."""
    return {
        "dataset": source.manifest.dataset,
        "version": source.manifest.version,
        "plan_digest": source.manifest.plan_digest,
        "split": split,
        "target": target,
        "class_names": list(examples.class_names),
        "positive": examples.positive,
        "examples_sha256": examples.sha256(),
    }


def write_bundle(
    directory: pathlib.Path, task: Task, classifier: models.Classifier, fitted: Calibration
) -> str:
    """Writes the bundle of a run and returns the sha256 of the weights."""
    digest = bundle.weights_sha256(classifier)
    manifest = task.source.manifest
    config = bundle.BundleConfig(
        model=task.model_spec,
        target=task.config.target,
        class_names=task.target.class_names,
        positive=task.positive,
        calibration=fitted,
        threshold=THRESHOLD,
        trained_on={
            "dataset": manifest.dataset,
            "version": manifest.version,
            "plan_digest": manifest.plan_digest,
        },
        weights_sha256=digest,
    )
    bundle.write(directory / run_directory.BUNDLE, config, classifier)
    return digest


def write_report(
    directory: pathlib.Path,
    task: Task,
    summary: dict[str, Any],
    test: evaluation.Predictions,
    log: events.EventLog,
) -> None:
    """Paints the pictures, into TensorBoard and into the report."""
    names = task.target.class_names
    fitted = Calibration(**summary["calibration"])
    pictures = {
        "confusion_matrix": plots.confusion_matrix(summary["test"]["confusion_matrix"], names),
        **_worst_mistakes(task, test, fitted),
    }
    if len(names) == 2 and len(set(test.labels.tolist())) == 2:
        chances = test.probabilities(fitted)
        pictures["certainty"] = certainty.paint(
            test.labels, chances, names, task.positive, THRESHOLD
        )
    for name, picture in pictures.items():
        log.image("test", name, summary["steps"], picture)
    pictures["curves"] = plots.curves(events.read_metrics(directory))
    pictures["augmented_batch"] = augmented_batch(task)
    content = {
        "summary": summary,
        "config": dataclasses.asdict(task.config),
        "class_names": names,
        "positive": names[task.positive] if len(names) == 2 else None,
    }
    report.write(directory, content, pictures)


def augmented_batch(task: Task) -> np.ndarray:
    """Returns a picture of the first images of training, as the model sees them; uint8."""
    batch = next(iter(task.train_batches(epoch=0)))
    shown = {name: values[:PICTURED_IMAGES] for name, values in batch.items()}
    images = policies.POLICIES[task.config.augment](shown["image"], shown["noise"]).numpy()
    captions = [task.target.class_names[label] for label in shown["label"].numpy()]
    return plots.image_grid(list(images), captions, columns=8)


def _worst_mistakes(
    task: Task, test: evaluation.Predictions, fitted: Calibration
) -> dict[str, np.ndarray]:
    """Returns a picture of the examples whose own class was thought least likely, if any."""
    chances = test.probabilities(fitted)
    of_own_class = chances[np.arange(len(test.labels)), test.labels]
    wrong = chances.argmax(axis=1) != test.labels
    worst = [int(i) for i in np.argsort(of_own_class, kind="stable") if wrong[i]][:WORST_MISTAKES]
    if not worst:
        return {}
    names = task.target.class_names
    found = input_pipeline.images_at(task.source, "test", worst, task.image_size)
    captions = [
        f"{image_id[-28:]}\nis {names[test.labels[i]]}, called {names[chances[i].argmax()]}:"
        f" {chances[i].max():.2f}"
        for i, (image_id, _) in zip(worst, found, strict=True)
    ]
    return {"worst_mistakes": plots.image_grid([image.numpy() for _, image in found], captions)}
