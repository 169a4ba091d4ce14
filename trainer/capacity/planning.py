"""What a phase will take, and the micro-batch that it starts with."""

import dataclasses

from trainer import config as configs
from trainer.capacity import memory, micro_batches, operations, resources
from trainer.networks import models, precision
from trainer.running import phases

_GB = 1e9


@dataclasses.dataclass(frozen=True)
class Choice:
    """A micro-batch, and why it is that.

    Attributes:
      reason: for the user, as in `planned 9.1 of 16.0 GB`.
    """

    size: int
    reason: str


def estimate(config: configs.TrainConfig, classifier: models.Classifier) -> memory.Estimate:
    """Returns the memory of a training step with the layers that are trainable now.

    It is that of float32; half as long numbers take less.
    """
    total, trainable = classifier.num_parameters()
    graph = operations.of_classifier(classifier)
    kept_copies = memory.ADAM_SLOTS + bool(config.ema_momentum) + (config.layer_decay != 1)
    return memory.Estimate(
        total, trainable, memory.peak_bytes_per_example(graph), len(graph), kept_copies
    )


def device_memory(config: configs.TrainConfig, num_replicas: int) -> int | None:
    """Returns the bytes that each replica may be planned with, or None where nobody knows."""
    if config.device_memory_gb is not None:
        return int(config.device_memory_gb * _GB)
    return resources.device_memory(num_replicas)


def fitting(estimated: memory.Estimate, per_replica_batch_size: int, available: int | None) -> int:
    """Returns the largest micro-batch that is planned to fit, at least 1."""
    if available is None:
        return per_replica_batch_size
    return micro_batches.largest(per_replica_batch_size, estimated.largest_micro_batch(available))


def fits(
    config: configs.TrainConfig, estimated: memory.Estimate, micro_batch: int, num_replicas: int
) -> bool:
    """Tells whether a micro-batch is planned to fit; so it is where the memory is not known."""
    available = device_memory(config, num_replicas)
    return available is None or micro_batch <= estimated.largest_micro_batch(available)


def choose(
    config: configs.TrainConfig,
    classifier: models.Classifier,
    *,
    num_replicas: int,
    saved: int,
    remembered_size: int | None,
) -> Choice:
    """Returns the micro-batch that a phase starts or goes on with.

    It is the smallest of these:

    1. that of `--micro_batch`, or with `auto` the one that is planned to fit;
    2. that of the checkpoint, so that a run goes on with what it was stopped with;
    3. with `auto`, in a phase that starts, the one remembered from an earlier run.

    Args:
      config: of the run.
      classifier: with the phase's layers trainable.
      num_replicas: on as many devices.
      saved: in the phase's checkpoint; 0 in one that starts.
      remembered_size: of an earlier run, if any.
    """
    local = config.global_batch_size // num_replicas
    estimated = estimate(config, classifier)
    available = device_memory(config, num_replicas)
    size = micro_batches.asked_for(config.micro_batch, local)
    bounds = [size or fitting(estimated, local, available)]
    if saved:
        bounds.append(saved)
    elif remembered_size and not size:
        bounds.append(remembered_size)
    chosen = micro_batches.largest(local, min(bounds)) if min(bounds) != size else size
    planned = f"planned {estimated.total(chosen, in_pieces=chosen < local) / _GB:.1f}"
    known = "" if available is None else f" of {available / _GB:.1f}"
    earlier = ", as it was found before" if chosen < bounds[0] else ""
    return Choice(chosen, f"{planned}{known} GB{earlier}")


def memory_key(config: configs.TrainConfig, phase: phases.Phase, image_size: int) -> str:
    """Returns under what a micro-batch is remembered: all that it depends on."""
    reckons_in = precision.resolve(config.precision)
    layers = "frozen" if phase.first_layer is None else f"from {phase.first_layer}"
    return (
        f"{config.model} alpha {config.alpha:g}, {image_size} px, {reckons_in}, {phase.name} "
        f"{layers}, {resources.device_name()}"
    )
