"""What all phases of a run share."""

import dataclasses
import pathlib
from collections.abc import Callable

import tensorflow as tf

from trainer import faults
from trainer.networks import models
from trainer.reporting import progress
from trainer.running import checkpoints, interruption, pulse
from trainer.scoring import evaluation
from trainer.task import Task
from trainer.workers import agreement


@dataclasses.dataclass(frozen=True)
class Run:
    """What the phases of a run share.

    Attributes:
      directory: of the checkpoints.
      trains_on_features: whether the phase has cached features in place of images.
      train_batches: as `Task.train_batches`, of images or of cached features.
      predict: from a split's name to the model's predictions; may raise Interrupted.
    """

    task: Task
    strategy: tf.distribute.Strategy
    workers: agreement.Workers
    classifier: models.Classifier
    counters: checkpoints.Counters
    best: checkpoints.BestWeights
    directory: pathlib.Path
    stop: interruption.Interruption
    pulse: pulse.Pulse
    announcer: progress.Announcer
    train_batches: Callable[..., tf.data.Dataset]
    predict: Callable[[str], evaluation.Predictions]
    faults: faults.Faults
    trains_on_features: bool = False
