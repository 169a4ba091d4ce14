"""The program behind `trainer.evaluate`: what bundles are worth on a split, alone or together.

An ensemble's probabilities are the mean of those of its bundles, each calibrated by itself.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfrecords import dataset, directories, exits, settings
from trainer import bundle, choices, conclusion, input_pipeline, run_directory, strategies
from trainer.bundle import Bundle
from trainer.reporting import progress
from trainer.scoring import eval_step, evaluation, metrics, scored

EVALUATED = "evaluated"


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """The configuration of an evaluation; the flags of `trainer.evaluate` are its fields.

    Raises:
      UsageError: a value is out of range, or no bundle is named.
    """

    bundles: str | None = settings.text(
        None,
        "Directories of bundles or of runs: one, or several with commas between for an ensemble.",
    )
    data_dir: str = settings.place("data", "The directory that datasets are built in.")
    dataset: str = settings.text("sample", "The dataset's name.")
    version: str | None = settings.text(None, "Its version; by default the highest.")
    split: str = settings.choice("test", ("train", "validation", "test"), "What is predicted")
    output_dir: str | None = settings.place(
        None, "Where the results go; default: runs/<bundles>_on_<dataset>_<split>."
    )
    strategy: str = settings.choice("default", choices.STRATEGIES_OF_ONE_PROCESS, "The devices")
    logical_cpus: int = settings.number(
        2, 1, 64, "Devices made of the CPU for mirrored without a GPU."
    )
    global_batch_size: int = settings.number(
        64, 1, 1 << 20, "Examples at a time, on all replicas together."
    )

    def __post_init__(self) -> None:
        settings.check(self)
        if not self.bundle_paths:
            raise exits.UsageError(
                "--bundles must name directories of bundles or of runs, as in: "
                f"--bundles=runs/a,runs/b. Received: {self.bundles!r}."
            )

    @property
    def bundle_paths(self) -> tuple[pathlib.Path, ...]:
        """The directories of the bundles."""
        words = [word for word in (self.bundles or "").split(",") if word]
        within = [pathlib.Path(word) / run_directory.BUNDLE for word in words]
        return tuple(
            inner if inner.is_dir() else pathlib.Path(word)
            for word, inner in zip(words, within, strict=True)
        )

    @property
    def output_path(self) -> pathlib.Path:
        """The directory of the results."""
        names = "+".join(map(_name, self.bundle_paths))
        return pathlib.Path(self.output_dir or f"runs/{names}_on_{self.dataset}_{self.split}")


def evaluate(config: EvaluateConfig) -> dict[str, Any]:
    """Predicts a split with one bundle or several, says what that is worth, and keeps it.

    Returns:
      The content of `summary.json`, which `trainer.compare` reads as it does that of a run.

    Raises:
      UsageError: the bundles do not go together, or not with the dataset; or the directory of the
        results is that of a run.
      DataError: a bundle or the dataset is absent or damaged.
    """
    found = [bundle.read_config(path) for path in config.bundle_paths]
    _check_alike(config.bundle_paths, found)
    with dataset.reading(pathlib.Path(config.data_dir), config.dataset, config.version) as source:
        _check_dataset(found[0], source)
        for path, one in zip(config.bundle_paths, found, strict=True):
            _warn(path, one, source, config.split)
        with directories.exclusive(config.output_path, "--output_dir"):
            _check_output(config.output_path)
            examples, num_parameters = _predict(config, source)
            examples.write(config.output_path / run_directory.PREDICTIONS)
            summary = {
                **_identity(config, found, num_parameters),
                "test": examples.evaluate(),
                "test_set": conclusion.test_set(source, config.split, found[0].target, examples),
            }
            run_directory.write_json(config.output_path / run_directory.SUMMARY, summary)
    name = "together" if len(found) > 1 else str(config.bundle_paths[0])
    _say(
        name,
        summary["test"],
        f", on {summary['test']['examples']:,} examples; in brackets 95 % intervals",
    )
    print(f"Results: {config.output_path}; beside others: python -m trainer.compare runs/*")
    return summary


def _identity(
    config: EvaluateConfig, found: Sequence[bundle.BundleConfig], num_parameters: int
) -> dict[str, Any]:
    """Returns what was tested, as a summary has it."""
    sizes = dict.fromkeys(str(one.model.image_size) for one in found)
    return {
        "status": EVALUATED,
        "bundles": [str(path) for path in config.bundle_paths],
        "weights_sha256": [one.weights_sha256 for one in found],
        "model": " + ".join(one.model.name for one in found),
        "parameters": {"total": num_parameters},
        "image_size": ", ".join(sizes),
    }


def _predict(config: EvaluateConfig, source: dataset.Dataset) -> tuple[scored.Scored, int]:
    """Returns the examples with the mean of the bundles' probabilities; how many parameters."""
    strategy = strategies.make(config.strategy, logical_cpus=config.logical_cpus)
    strategies.per_replica_batch_size(strategy, config.global_batch_size)
    chances, num_parameters = [], 0
    for path in config.bundle_paths:
        with strategy.scope():
            loaded = bundle.load(path)
        predictions = _run(loaded, strategy, source, config)
        chances.append(predictions.probabilities(loaded.config.calibration))
        num_parameters += loaded.classifier.count_params()
        if len(config.bundle_paths) > 1:
            of_one = (predictions.labels, chances[-1], loaded.config.class_names)
            _say(str(path), metrics.evaluate(*of_one, loaded.config.positive))
    examples = scored.Scored(
        *input_pipeline.example_ids(source, config.split),
        labels=predictions.labels,
        chances=np.mean(chances, axis=0),
        class_names=loaded.config.class_names,
        positive=loaded.config.positive,
    )
    return examples, num_parameters


def _run(
    loaded: Bundle,
    strategy: tf.distribute.Strategy,
    source: dataset.Dataset,
    config: EvaluateConfig,
) -> evaluation.Predictions:
    announcer = progress.Announcer(0)
    num_examples = source.split(config.split).num_examples
    tell = functools.partial(announcer.tell_share, f"  {config.split}", num_images=num_examples)
    with announcer.in_place():
        return evaluation.predict(
            strategy,
            eval_step.EvalStep(strategy, loaded.classifier),
            input_pipeline.for_eval(
                source,
                config.split,
                loaded.config.target,
                image_size=loaded.config.model.image_size,
                global_batch_size=config.global_batch_size,
            ),
            num_examples=num_examples,
            positive=loaded.config.positive,
            check=tell,
        )


def _check_alike(paths: Sequence[pathlib.Path], found: Sequence[bundle.BundleConfig]) -> None:
    first = found[0]
    for path, other in zip(paths, found, strict=True):
        for what in ("target", "class_names", "positive"):
            here, there = getattr(first, what), getattr(other, what)
            if here != there:
                raise exits.UsageError(
                    f"The bundles of an ensemble must have learnt the same. {paths[0]} has {what} "
                    f"{here!r}, {path} has {there!r}. Leave one of them out of --bundles."
                )


def _check_dataset(found: bundle.BundleConfig, source: dataset.Dataset) -> None:
    classes = source.target(found.target).class_names
    if tuple(classes) != found.class_names:
        raise exits.UsageError(
            f"The classes of {source.directory} are {', '.join(classes)}, those of the bundle "
            f"{', '.join(found.class_names)}. Choose another --dataset."
        )


def _check_output(path: pathlib.Path) -> None:
    """Refuses to write over what is no evaluation."""
    summary = run_directory.read_summary(path)
    strangers = [entry.name for entry in path.iterdir() if entry.name != ".lock"]
    if strangers and (summary or {}).get("status") != EVALUATED:
        raise exits.UsageError(
            f"{path} is already in use, and not by an evaluation: it holds "
            f"{', '.join(sorted(strangers)[:3])}. Choose another --output_dir."
        )


def _warn(
    path: pathlib.Path, found: bundle.BundleConfig, source: dataset.Dataset, split: str
) -> None:
    """Says where the numbers of a bundle are too good."""
    trained_on, manifest = found.trained_on, source.manifest
    if trained_on["dataset"] != manifest.dataset:
        return
    if trained_on["plan_digest"] != manifest.plan_digest:
        print(
            f"NOTE: {path} was trained on another build of {manifest.dataset}, which may have "
            f"trained on what is split {split!r} here: its numbers may be too good."
        )
    elif split != "test":
        use = "trained" if split == "train" else "chosen and calibrated"
        print(f"NOTE: {path} was {use} on this split: its numbers are too good.")


def _say(name: str, found: dict[str, Any], rest: str = "") -> None:
    cells = []
    for metric, title in (("auc", "AUC"), ("accuracy", "accuracy"), ("f1", "F1")):
        value, interval = found[metric], found.get(f"{metric}_interval")
        shown = "not defined" if value is None else f"{value:.4f}"
        within = f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
        cells.append(f"{title} {shown}{within}")
    print(f"{name}: {', '.join(cells)}{rest}", flush=True)


def _name(path: pathlib.Path) -> str:
    resolved = path.resolve()
    return resolved.parent.name if resolved.name == run_directory.BUNDLE else resolved.name
