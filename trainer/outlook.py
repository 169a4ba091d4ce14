"""The program behind `trainer.plan`: what a training will take, before anything is trained."""

import dataclasses
import pathlib
from typing import Any

from tfrecords import dataset, exits, settings
from trainer import config as configs
from trainer import strategies, task
from trainer.capacity import estimates, planning, probing
from trainer.features import cache, computing
from trainer.networks import backbones, models, precision
from trainer.running import phases

# Where neither a flag nor a dataset tells.
DEFAULT_IMAGE_SIZE = 224  # pixels
NUM_CLASSES = {"label": 2, "content": 3}  # of the targets that the layouts know


@dataclasses.dataclass(frozen=True)
class OutlookConfig:
    """What is asked of a training beside its own flags.

    Raises:
      UsageError: a value is out of range.
    """

    num_replicas: int | None = settings.number(
        None, 1, 100_000, "Devices of the training; default: those of --strategy here."
    )
    num_classes: int | None = settings.number(
        None, 2, 1_000_000, "Classes of the model; default: those of the dataset if it is there."
    )
    num_examples: int | None = settings.number(
        None,
        1,
        1 << 40,
        "Examples of the training split; default: those of the dataset if it is there.",
    )
    probe: bool = settings.switch(True, "Time a few steps here, for the time of an epoch.")
    json: bool = settings.switch(False, "Print JSON, for programs.")

    def __post_init__(self) -> None:
        settings.check(self)


def look(config: configs.TrainConfig, asked: OutlookConfig) -> dict[str, Any]:
    """Returns by phase what a training will take.

    The dataset is asked for what is not given. Where it is not there, as before its build or on
    another machine, defaults stand for that, and `without_dataset` says why. The model is made with
    random weights, so that nothing is downloaded.

    Args:
      config: of the training.
      asked: what is not to be as on this machine, or not as in the dataset.

    Raises:
      UsageError: the model cannot be made, the replicas do not divide the batch, or `--data_dir`
        is a file.
    """
    source, absence = _dataset(config)
    size = config.image_size or (source.manifest.image_size if source else DEFAULT_IMAGE_SIZE)
    num_classes, num_examples = _counts(config, asked, source)
    replicas = asked.num_replicas or strategies.num_replicas(
        config.strategy, logical_cpus=config.logical_cpus, devices=config.device_indices
    )
    _check_batch(config.global_batch_size, replicas, num_examples)
    reckons_in = precision.resolve(config.precision)
    with precision.of_new_layers(reckons_in):
        classifier = models.build(task.model_spec(config, size, num_classes))
    run_phases = phases.plan(config)
    phases.check(run_phases, classifier)
    available = planning.device_memory(config, replicas)
    return {
        "without_dataset": absence if _asks_dataset(config, asked) else None,
        "model": config.model,
        "image_size": size,
        "num_classes": num_classes,
        "precision": reckons_in,
        "global_batch_size": config.global_batch_size,
        "replicas": replicas,
        "device_memory_bytes": available,
        "usable_bytes": available and int(estimates.USABLE * available),
        "steps_per_epoch": num_examples // config.global_batch_size if num_examples else None,
        "phases": {
            phase.name: _phase(config, phase, classifier, replicas, num_examples, asked.probe)
            for phase in run_phases
        },
    }


def _counts(
    config: configs.TrainConfig, asked: OutlookConfig, source: dataset.Dataset | None
) -> tuple[int, int | None]:
    """Returns the number of classes, and that of training examples if anybody knows it."""
    if source is None:
        return asked.num_classes or NUM_CLASSES.get(config.target, 2), asked.num_examples
    return (
        asked.num_classes or len(source.target(config.target).class_names),
        asked.num_examples or source.split("train").num_examples,
    )


def _check_batch(global_batch_size: int, replicas: int, num_examples: int | None) -> None:
    if global_batch_size % replicas:
        raise exits.UsageError(
            f"--global_batch_size must be a multiple of the {replicas} replicas. "
            f"Received: {global_batch_size}."
        )
    if num_examples is not None and num_examples < global_batch_size:
        raise exits.UsageError(
            f"--global_batch_size must not exceed the {num_examples:,} examples of the training "
            f"split. Received: {global_batch_size}. Another number of them is planned with by "
            "--num_examples."
        )


def _dataset(config: configs.TrainConfig) -> tuple[dataset.Dataset | None, str | None]:
    """Returns the dataset, or why there is none."""
    try:
        return dataset.find(pathlib.Path(config.data_dir), config.dataset, config.version), None
    except exits.DataError as error:
        return None, str(error)


def _asks_dataset(config: configs.TrainConfig, asked: OutlookConfig) -> bool:
    """Tells whether flags leave something to the dataset."""
    return None in (config.image_size, asked.num_classes, asked.num_examples)


def _phase(
    config: configs.TrainConfig,
    phase: phases.Phase,
    classifier: models.Classifier,
    replicas: int,
    num_examples: int | None,
    probes: bool,
) -> dict[str, Any]:
    pretrained = config.model in backbones.PRETRAINED and config.weights != "none"
    phases.prepare(
        phase,
        classifier,
        pretrained=pretrained,
        batch_norm=config.batch_norm,
        remat=config.remat,
    )
    local = config.global_batch_size // replicas
    on_features = cache.applies(config, phase)
    estimated = planning.estimate(
        config, classifier, num_replicas=replicas, on_features=on_features
    )
    choice = planning.choose(config, estimated, num_replicas=replicas)
    available = planning.device_memory(config, replicas)
    found: dict[str, Any] = {
        "parameters": estimated.parameters,
        "trainable_parameters": estimated.trainable_parameters,
        "trains_on_features": on_features,
        "weights_bytes": estimated.weights,
        "gradients_bytes": estimated.gradients,
        "optimizer_bytes": estimated.optimizer,
        "activations_bytes_per_example": estimated.activations_per_example,
        "remat": config.remat and phase.first_layer is not None,
        "remat_saves": classifier.parts is not None or bool(phases.cuts(classifier)),
        "per_replica_batch_size": local,
        "micro_batch": choice.size,
        "planned_bytes": estimated.total(choice.size, in_pieces=choice.size < local),
        "fits": planning.fits(estimated, choice.size, available),
        "largest_micro_batch": available and estimated.largest_micro_batch(available),
        "seconds_per_example_here": None,
        "seconds_per_epoch_here": None,
        "seconds_for_features_here": None,
    }
    if not probes:
        return found
    at_a_time = probing.num_examples(estimated, choice.size)
    seconds = probing.seconds_of_training(
        config, phase, classifier, at_a_time, on_features=on_features
    )
    found["seconds_per_example_here"] = seconds
    if num_examples is not None:
        found["seconds_per_epoch_here"] = seconds * num_examples / replicas
        if on_features:
            of_one = probing.seconds_of_features(classifier, computing.EXAMPLES_AT_A_TIME)
            views = config.cached_views or 1
            found["seconds_for_features_here"] = of_one * num_examples * views / replicas
    return found
