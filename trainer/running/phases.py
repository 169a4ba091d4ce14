"""The phases of a run, and the optimizer of each."""

import dataclasses
import itertools
from collections.abc import Sequence

import keras
import tensorflow as tf

from tfrecords import exits
from trainer import choices
from trainer import config as configs
from trainer.capacity import operations, segments
from trainer.networks import backbones, layer_rates, models
from trainer.running import averaging, schedules, updates


@dataclasses.dataclass(frozen=True)
class Phase:
    """A part of a run with a learning rate and a choice of layers of its own.

    Attributes:
      name: `train`, `head`, `fine_tune` or, of several stages, `fine_tune_1` and so on; names the
        directory of its checkpoints.
      epochs: at the most; early stopping may end it before.
      learning_rate: at its highest, after the warm-up.
      first_layer: of the backbone that trains, by name or index; None freezes the backbone.
      layer_decay: see `layer_rates`.
    """

    name: str
    epochs: int
    learning_rate: float
    first_layer: str | None
    layer_decay: float = 1.0


def plan(config: configs.TrainConfig) -> list[Phase]:
    """Returns the phases of a run, those without epochs left out.

    A model without a pretrained backbone trains in one phase. Others train the head on the frozen
    backbone first: gradients from a random head would destroy what the backbone knows.
    """
    if config.model not in backbones.PRETRAINED:
        if config.fine_tune_epochs:
            raise exits.UsageError(
                f"--model={config.model} has no backbone to fine-tune. "
                f"Received: --fine_tune_epochs={config.fine_tune_epochs}. Use --epochs alone."
            )
        return [Phase("train", config.epochs, config.learning_rate, "0")]
    head = Phase("head", config.epochs, config.learning_rate, None)
    first_layers = config.fine_tune_from.split(",")
    fine_tune = [
        Phase(
            "fine_tune" if len(first_layers) == 1 else f"fine_tune_{number}",
            config.fine_tune_epochs,
            config.fine_tune_learning_rate,
            first_layer,
            config.layer_decay,
        )
        for number, first_layer in enumerate(first_layers, start=1)
    ]
    return [phase for phase in (head, *fine_tune) if phase.epochs]


def check(run_phases: Sequence[Phase], classifier: models.Classifier) -> None:
    """Checks that the model has the layers of the phases, and that each trains more than the last.

    Raises:
      UsageError: there is no such layer, or the layers stand in another order.
    """
    layers = [phase.first_layer for phase in run_phases if phase.first_layer is not None]
    indices = [classifier.layer_index(layer) for layer in layers]
    if any(after >= before for before, after in itertools.pairwise(indices)):
        raise exits.UsageError(
            "--fine_tune_from must name layers from the last to the first, so that each stage "
            f"trains more of them. Received: {','.join(layers)}, which are layers "
            f"{', '.join(map(str, indices))} of {classifier.spec.name}."
        )


def prepare(
    phase: Phase,
    classifier: models.Classifier,
    *,
    pretrained: bool,
    batch_norm: str = choices.AUTO,
    remat: bool = False,
) -> None:
    """Makes the phase's layers trainable.

    By itself a pretrained backbone keeps the batch-norm statistics that it came with; one that
    starts from random weights has none and learns them. With `remat` activations of the backbone
    are computed again in the backward pass, where that saves memory.

    Raises:
      UsageError: a backbone is to keep statistics that it does not have.
    """
    if batch_norm == choices.FROZEN and not pretrained:
        raise exits.UsageError(
            "--batch_norm=frozen keeps the statistics of pretrained weights, and this model starts "
            "without. Use sync or local."
        )
    if batch_norm == choices.AUTO:
        batch_norm = choices.FROZEN if pretrained else choices.SYNC
    classifier.normalise_by_replica(batch_norm == choices.LOCAL)
    if phase.first_layer is None:
        classifier.freeze_backbone()
    else:
        classifier.unfreeze_from(phase.first_layer, train_batch_norm=batch_norm != choices.FROZEN)
    classifier.recompute(cuts(classifier) if remat else ())


def cuts(classifier: models.Classifier) -> list[keras.KerasTensor]:
    """Returns where to cut the backbone for `Classifier.recompute`; nowhere if little is saved."""
    places = operations.places_to_cut(classifier)
    return [places[cut] for cut in segments.choose(operations.of_classifier(classifier), places)]


def optimizer(
    config: configs.TrainConfig,
    phase: Phase,
    steps_per_epoch: int,
    rate_scale: tf.Variable | float = 1.0,
) -> keras.optimizers.Optimizer:
    """Returns the phase's optimizer.

    Its learning rate is that of `schedules.make`, times `rate_scale`.
    """
    rate = schedules.make(
        config.schedule,
        phase.learning_rate,
        num_steps=phase.epochs * steps_per_epoch,
        warmup_steps=round(config.warmup_epochs * steps_per_epoch),
        decay_steps=config.decay_epochs * steps_per_epoch,
        decay_factor=config.decay_factor,
        scale=rate_scale,
    )
    clipping = {"global_clipnorm": config.clip_norm or None}
    if config.optimizer == "adam":
        return keras.optimizers.Adam(rate, **clipping)
    options = {"weight_decay": config.weight_decay, **clipping}
    if config.optimizer == "adamw":
        return keras.optimizers.AdamW(rate, **options)
    if config.optimizer == "lion":  # Chen et al. 2023, arXiv:2302.06675
        return keras.optimizers.Lion(rate, **options)
    return keras.optimizers.SGD(rate, momentum=config.momentum, nesterov=config.nesterov, **options)


def update(
    config: configs.TrainConfig,
    phase: Phase,
    classifier: models.Classifier,
    optimizer: keras.optimizers.Optimizer,
    average: averaging.WeightsAverage | None,
) -> updates.Update:
    """Returns what the phase does with a gradient; to be made in the strategy's scope."""
    return updates.Update(
        optimizer,
        classifier.trainable_variables,
        rates=layer_rates.of_variables(classifier, phase.layer_decay),
        average=average,
    )


def average(
    config: configs.TrainConfig, classifier: models.Classifier
) -> averaging.WeightsAverage | None:
    """Returns the moving average of what the phase changes of a model, if there is to be one."""
    if not config.ema_momentum:
        return None
    learnt = [*classifier.trainable_variables, *classifier.learnt_statistics]
    return averaging.WeightsAverage([variable.value for variable in learnt], config.ema_momentum)
