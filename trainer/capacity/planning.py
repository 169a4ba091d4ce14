"""What a phase will take, and the micro-batch that it starts with."""

import dataclasses

from trainer import config as configs
from trainer.capacity import estimates, memory, micro_batches, operations, resources
from trainer.networks import models, precision
from trainer.running import phases
from trainer.scoring import eval_step

_GB = 1e9


@dataclasses.dataclass(frozen=True)
class Choice:
    """A micro-batch, and why it is that.

    Attributes:
      reason: for the user, as in `planned 9.1 of 16.0 GB`.
    """

    size: int
    reason: str


def estimate(
    config: configs.TrainConfig,
    classifier: models.Classifier,
    num_replicas: int,
    *,
    on_features: bool = False,
) -> estimates.Estimate:
    """Returns the memory of a training step with the layers that are trainable now.

    Args:
      config: of the run.
      classifier: in the precision of the run.
      num_replicas: on as many devices.
      on_features: whether the head trains on features that were computed before.
    """
    total, trainable = classifier.num_parameters()
    whole = operations.of_classifier(classifier)
    trained = operations.of_head(classifier) if on_features else whole
    cuts = classifier.parts.cuts if classifier.parts else ()
    found = estimates.Estimate(
        total,
        trainable,
        memory.peak_bytes_per_example(trained, cuts),
        memory.bytes_of_inference(trained),
        estimates.overhead(whole, len(classifier.trainable_variables), cuts),
        _kept_copies(config),
        num_replicas,
        in_half=classifier.backbone.compute_dtype != precision.FLOAT32,
    )
    at_a_time = min(
        examples_at_a_time(config, classifier, num_replicas),
        config.global_batch_size // num_replicas,
    )
    return dataclasses.replace(found, inference=at_a_time * memory.bytes_of_inference(whole))


def examples_at_a_time(
    config: configs.TrainConfig,
    classifier: models.Classifier,
    num_replicas: int,
    most: int = eval_step.EXAMPLES_AT_A_TIME,
) -> int:
    """Returns how many examples a replica predicts at a time, a power of two.

    They are planned to fit beside a training of the whole model, so that they are as many in all
    phases.

    Args:
      config: of the run.
      classifier: in the precision of the run.
      num_replicas: on as many devices.
      most: a power of two that it is where memory allows.
    """
    available = device_memory(config, num_replicas)
    if available is None:
        return most
    total, _ = classifier.num_parameters()
    graph = operations.of_classifier(classifier)
    whole = estimates.Estimate(
        total,
        total,
        activations_per_example=0,
        overhead=estimates.overhead(graph, len(classifier.weights)),
        kept_copies=_kept_copies(config),
        num_replicas=num_replicas,
    )
    fitting = whole.largest_inference(available, memory.bytes_of_inference(graph))
    return min(most, 1 << fitting.bit_length() - 1)


def _kept_copies(config: configs.TrainConfig) -> int:
    """Returns how many copies of the trainable weights stay from step to step."""
    slots = {"adam": 2, "adamw": 2, "lion": 1, "sgd": int(config.momentum > 0)}[config.optimizer]
    return slots + bool(config.ema_momentum) + (config.layer_decay != 1)


def device_memory(config: configs.TrainConfig, num_replicas: int) -> int | None:
    """Returns the bytes that each replica may be planned with, or None where nobody knows."""
    if config.device_memory_gb is not None:
        return int(config.device_memory_gb * _GB)
    return resources.device_memory(num_replicas)


def fits(estimated: estimates.Estimate, micro_batch: int, available: int | None) -> bool:
    """Tells whether a micro-batch is planned to fit; so it is where the memory is not known."""
    return available is None or micro_batch <= estimated.largest_micro_batch(available)


def choose(
    config: configs.TrainConfig,
    estimated: estimates.Estimate,
    *,
    num_replicas: int,
    saved: int = 0,
    remembered_size: int | None = None,
) -> Choice:
    """Returns the micro-batch that a phase starts or goes on with.

    It is the smallest of these:

    1. that of `--micro_batch`, or with `auto` the one that is planned to fit;
    2. that of the checkpoint, so that a run goes on with what it was stopped with;
    3. with `auto`, where there is none in a checkpoint, the one remembered from an earlier run.

    Args:
      config: of the run.
      estimated: of the phase.
      num_replicas: on as many devices.
      saved: in the phase's checkpoint; 0 in one that starts, or that goes on with `--remat` where
        it was without, or the other way round.
      remembered_size: of an earlier run, if any.
    """
    local = config.global_batch_size // num_replicas
    available = device_memory(config, num_replicas)
    size = micro_batches.asked_for(config.micro_batch, local)
    bounds = [size or _fitting(estimated, local, available)]
    if saved:
        bounds.append(saved)
    elif remembered_size and not size:
        bounds.append(remembered_size)
    chosen = micro_batches.largest(local, min(bounds)) if min(bounds) != size else size
    planned = f"planned {estimated.total(chosen, in_pieces=chosen < local) / _GB:.1f}"
    known = "" if available is None else f" of {available / _GB:.1f}"
    earlier = ", as it was found before" if chosen < bounds[0] else ""
    tight = "" if fits(estimated, chosen, available) else ", which is not planned to fit"
    return Choice(chosen, f"{planned}{known} GB{earlier}{tight}")


def _fitting(
    estimated: estimates.Estimate, per_replica_batch_size: int, available: int | None
) -> int:
    """Returns the largest micro-batch that is planned to fit, at least 1."""
    if available is None:
        return per_replica_batch_size
    return micro_batches.largest(per_replica_batch_size, estimated.largest_micro_batch(available))


def memory_key(
    config: configs.TrainConfig, phase: phases.Phase, image_size: int, *, on_features: bool = False
) -> str:
    """Returns under what a micro-batch is remembered: all that it depends on."""
    reckons_in = precision.resolve(config.precision)
    layers = "frozen" if phase.first_layer is None else f"from {phase.first_layer}"
    if on_features:
        layers = "on features"
    elif config.remat:
        layers += ", remat"
    return (
        f"{config.model} alpha {config.alpha:g}, {image_size} px, {reckons_in}, {phase.name} "
        f"{layers}, {resources.device_name()}"
    )
