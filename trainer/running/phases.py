"""The phases of a run, and the optimizer of each."""

import dataclasses
from typing import Any

import keras
import tensorflow as tf

from tfrecords import exits
from trainer import config as configs
from trainer.networks import backbones, models
from trainer.running import averaging


@dataclasses.dataclass(frozen=True)
class Phase:
    """A part of a run with a learning rate and a choice of layers of its own.

    Attributes:
      name: `train`, `head` or `fine_tune`; names the directory of its checkpoints.
      epochs: at the most; early stopping may end it before.
      learning_rate: at its highest, after the warm-up.
      first_layer: of the backbone that trains, by name or index; None freezes the backbone.
    """

    name: str
    epochs: int
    learning_rate: float
    first_layer: str | None


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
    fine_tune = Phase(
        "fine_tune",
        config.fine_tune_epochs,
        config.fine_tune_learning_rate,
        config.fine_tune_from,
    )
    return [phase for phase in (head, fine_tune) if phase.epochs]


def check(phase: Phase, classifier: models.Classifier) -> None:
    """Checks that the model has the phase's layers.

    Raises:
      UsageError: there is no such layer.
    """
    if phase.first_layer is not None:
        classifier.layer_index(phase.first_layer)


def prepare(phase: Phase, classifier: models.Classifier, *, pretrained: bool) -> None:
    """Makes the phase's layers trainable.

    A pretrained backbone keeps the batch-norm statistics that it came with; one that starts from
    random weights has none and learns them.
    """
    if phase.first_layer is None:
        classifier.freeze_backbone()
    else:
        classifier.unfreeze_from(phase.first_layer, train_batch_norm=not pretrained)


class _Scaled(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule times a variable."""

    def __init__(self, schedule: keras.optimizers.schedules.LearningRateSchedule, scale: Any):
        self._schedule = schedule
        self._scale = scale

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        return self._schedule(step) * self._scale


def optimizer(
    config: configs.TrainConfig,
    phase: Phase,
    steps_per_epoch: int,
    rate_scale: tf.Variable | float = 1.0,
) -> keras.optimizers.Optimizer:
    """Returns the phase's optimizer.

    Its learning rate is a linear warm-up, then a cosine to zero or constant, times `rate_scale`.
    """
    total = phase.epochs * steps_per_epoch
    # A phase of one step has none to spare.
    warmup = min(round(config.warmup_epochs * steps_per_epoch), total - 1)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else phase.learning_rate,
        decay_steps=total - warmup,
        alpha=0.0 if config.schedule == "cosine" else 1.0,
        warmup_target=phase.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    schedule = _Scaled(schedule, rate_scale)
    clipping = {"global_clipnorm": config.clip_norm or None}
    if config.optimizer == "adamw":
        return keras.optimizers.AdamW(schedule, weight_decay=config.weight_decay, **clipping)
    return keras.optimizers.Adam(schedule, **clipping)


def average(
    config: configs.TrainConfig, classifier: models.Classifier
) -> averaging.WeightsAverage | None:
    """Returns the moving average of what the phase changes of a model, if there is to be one."""
    if not config.ema_momentum:
        return None
    learnt = [*classifier.trainable_variables, *classifier.learnt_statistics]
    return averaging.WeightsAverage([variable.value for variable in learnt], config.ema_momentum)
