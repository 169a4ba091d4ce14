"""The program behind `trainer.plan`: what a training will take, before anything is trained."""

import pathlib
import time
from typing import Any

import tensorflow as tf

from tfrecords import dataset, exits
from trainer import config as configs
from trainer import strategies, task
from trainer.augment import policies
from trainer.capacity import planning
from trainer.networks import backbones, models
from trainer.running import losses, phases, steps, updates

PROBE_EXAMPLES = 8
PROBE_STEPS = 3
# Where neither a flag nor a dataset tells.
DEFAULT_IMAGE_SIZE = 224  # pixels
NUM_CLASSES = {"label": 2, "content": 3}  # of the targets that the layouts know


def look(
    config: configs.TrainConfig,
    *,
    num_replicas: int | None = None,
    num_classes: int | None = None,
    num_examples: int | None = None,
    probes: bool = True,
) -> dict[str, Any]:
    """Returns by phase what a training will take.

    The dataset is asked for what is not given, if it is there. The model is made with random
    weights, so that nothing is downloaded.

    Args:
      config: of the training.
      num_replicas: on as many devices; by default those of the strategy on this machine.
      num_classes: of the target.
      num_examples: of the training split.
      probes: whether to time a few steps on this machine.

    Raises:
      UsageError: the model cannot be made, or the replicas do not divide the batch.
    """
    source = _dataset(config)
    size = config.image_size or (source.manifest.image_size if source else DEFAULT_IMAGE_SIZE)
    if source and num_classes is None:
        num_classes = len(source.target(config.target).class_names)
    if source and num_examples is None:
        num_examples = source.split("train").num_examples
    replicas = num_replicas or strategies.num_replicas(
        config.strategy, logical_cpus=config.logical_cpus, devices=config.device_indices
    )
    if config.global_batch_size % replicas:
        raise exits.UsageError(
            f"--global_batch_size must be a multiple of the {replicas} replicas. "
            f"Received: {config.global_batch_size}."
        )
    classes = num_classes or NUM_CLASSES.get(config.target, 2)
    classifier = models.build(task.model_spec(config, size, classes))
    run_phases = phases.plan(config)
    phases.check(run_phases, classifier)
    available = planning.device_memory(config, replicas)
    return {
        "model": config.model,
        "image_size": size,
        "num_classes": classes,
        "global_batch_size": config.global_batch_size,
        "replicas": replicas,
        "device_memory_bytes": available,
        "steps_per_epoch": num_examples // config.global_batch_size if num_examples else None,
        "phases": {
            phase.name: _phase(config, phase, classifier, replicas, num_examples, probes)
            for phase in run_phases
        },
    }


def _dataset(config: configs.TrainConfig) -> dataset.Dataset | None:
    try:
        return dataset.find(pathlib.Path(config.data_dir), config.dataset, config.version)
    except (exits.DataError, exits.UsageError):
        return None


def _phase(
    config: configs.TrainConfig,
    phase: phases.Phase,
    classifier: models.Classifier,
    replicas: int,
    num_examples: int | None,
    probes: bool,
) -> dict[str, Any]:
    pretrained = config.model in backbones.PRETRAINED and config.weights != "none"
    phases.prepare(phase, classifier, pretrained=pretrained, batch_norm=config.batch_norm)
    local = config.global_batch_size // replicas
    estimated = planning.estimate(config, classifier)
    choice = planning.choose(
        config, classifier, num_replicas=replicas, saved=0, remembered_size=None
    )
    seconds = _seconds_per_example(classifier, config) if probes else None
    epoch = None if seconds is None or num_examples is None else seconds * num_examples / replicas
    return {
        "parameters": estimated.parameters,
        "trainable_parameters": estimated.trainable_parameters,
        "weights_bytes": estimated.weights,
        "gradients_bytes": estimated.gradients,
        "optimizer_bytes": estimated.optimizer,
        "activations_bytes_per_example": estimated.activations_per_example,
        "per_replica_batch_size": local,
        "micro_batch": choice.size,
        "planned_bytes": estimated.total(choice.size, in_pieces=choice.size < local),
        "fits": planning.fits(config, estimated, choice.size, replicas),
        "seconds_per_example_here": seconds,
        "seconds_per_epoch_here": epoch,
    }


def _seconds_per_example(classifier: models.Classifier, config: configs.TrainConfig) -> float:
    """Times a few steps on one device of this machine, without input."""
    size = classifier.spec.image_size
    batch = {
        "image": tf.zeros([PROBE_EXAMPLES, size, size, 3], tf.uint8),
        "label": tf.zeros([PROBE_EXAMPLES], tf.int64),
        "position": tf.range(PROBE_EXAMPLES, dtype=tf.int64),
        "noise": tf.zeros([PROBE_EXAMPLES, policies.POLICIES[config.augment].num_numbers]),
    }
    optimizer = phases.optimizer(config, phases.plan(config)[0], steps_per_epoch=100)
    optimizer.build(classifier.trainable_variables)
    step = steps.TrainStep(
        tf.distribute.get_strategy(),
        classifier,
        updates.Update(optimizer, classifier.trainable_variables),
        augment=policies.POLICIES[config.augment],
        loss=losses.Loss(positive=1),
        global_batch_size=PROBE_EXAMPLES,
    )
    taken = []
    for number in range(PROBE_STEPS + 1):  # the first one is traced
        start = time.perf_counter()
        float(step(batch, tf.constant([0, number], tf.int64))["loss"])
        taken.append(time.perf_counter() - start)
    return min(taken[1:]) / PROBE_EXAMPLES


def as_text(found: dict[str, Any]) -> str:
    """Returns what `look` found, for people."""
    memory = found["device_memory_bytes"]
    known = "memory unknown" if memory is None else f"{memory / 1e9:.1f} GB each"
    steps_line = (
        f"{found['steps_per_epoch']:,} steps per epoch"
        if found["steps_per_epoch"] is not None
        else "steps per epoch: build the dataset, or give --num_examples"
    )
    replicas = "1 replica" if found["replicas"] == 1 else f"{found['replicas']} replicas"
    lines = [
        f"{found['model']} at {found['image_size']} px, {found['num_classes']} classes"
        f" | global batch {found['global_batch_size']} | {replicas}, {known} | {steps_line}"
    ]
    for name, phase in found["phases"].items():
        lines += _phase_lines(name, phase)
    return "\n".join(lines)


def _phase_lines(name: str, phase: dict[str, Any]) -> list[str]:
    lines = [
        f"Phase {name}: {phase['parameters']:,} parameters, "
        f"{phase['trainable_parameters']:,} trainable",
        f"  weights {_mb(phase['weights_bytes'])} | gradients {_mb(phase['gradients_bytes'])}"
        f" | optimizer {_mb(phase['optimizer_bytes'])}"
        f" | activations {_mb(phase['activations_bytes_per_example'])} an example",
        f"  micro-batch {phase['micro_batch']} of {phase['per_replica_batch_size']} per replica: "
        f"planned {phase['planned_bytes'] / 1e9:.1f} GB"
        + ("" if phase["fits"] else ", which does not fit"),
    ]
    if phase["seconds_per_epoch_here"] is not None:
        lines.append(
            f"  about {phase['seconds_per_epoch_here'] / 60:.1f} minutes an epoch on devices like "
            "this machine's: a few steps, without input; right within a factor of two"
        )
    return lines


def _mb(number: int) -> str:
    return f"{number / 1e6:,.1f} MB"
