"""The flags of a training run, for each command that takes them.

`trainer.main` trains with them and `trainer.plan` says what that will take, so that both read the
same flag file.
"""

import dataclasses
import functools

from absl import flags

from trainer.config import (
    AUGMENTATIONS,
    HEADS,
    LOGITS,
    MONITORS,
    OPTIMIZERS,
    SCALINGS,
    SCHEDULES,
    STRATEGIES,
    TrainConfig,
)
from trainer.networks import models

Default = TrainConfig


def define(values: flags.FlagValues) -> None:
    """Defines a flag for each field of `TrainConfig`, with its default."""
    define_string = functools.partial(flags.DEFINE_string, flag_values=values)
    define_integer = functools.partial(flags.DEFINE_integer, flag_values=values)
    define_float = functools.partial(flags.DEFINE_float, flag_values=values)
    define_bool = functools.partial(flags.DEFINE_bool, flag_values=values)
    # Where the data are, and where the run goes.
    define_string("data_dir", Default.data_dir, "The directory that datasets are built in.")
    define_string("dataset", Default.dataset, "The dataset's name.")
    define_string("version", Default.version, "Its version; by default the highest.")
    define_string("target", Default.target, "What is learnt: label, or a further target.")
    define_float(
        "validation_fraction",
        Default.validation_fraction,
        "Share of the training groups to validate on, where there is no validation split.",
    )
    define_string(
        "run_dir", Default.run_dir, "The run's directory; default: runs/<dataset>_<target>_<model>."
    )
    # The devices.
    define_string("strategy", Default.strategy, f"The devices: {', '.join(STRATEGIES)}.")
    define_integer(
        "logical_cpus", Default.logical_cpus, "Devices made of the CPU for mirrored without a GPU."
    )
    # The model.
    define_string("model", Default.model, f"The model: {', '.join(models.NAMES)}.")
    define_float("alpha", Default.alpha, "The width of mobilenet_v2.")
    define_string(
        "scaling", Default.scaling, f"What a network without weights sees: {', '.join(SCALINGS)}."
    )
    define_string(
        "weights",
        Default.weights,
        "What the backbone starts from: imagenet, none, or the path of a weights file.",
    )
    define_integer(
        "image_size", Default.image_size, "Side of the model's images; default: as the dataset's."
    )
    define_string(
        "head", Default.head, f"What makes features of the backbone's maps: {', '.join(HEADS)}."
    )
    define_string(
        "head_units", Default.head_units, "Units of dense layers before the last: 512, 2048,2048."
    )
    define_bool(
        "head_batch_norm", Default.head_batch_norm, "Whether batch norm follows each of these."
    )
    define_float(
        "feature_dropout", Default.feature_dropout, "The share of features dropped before these."
    )
    define_float("dropout", Default.dropout, "The share of values dropped before the last layer.")
    define_string(
        "logits", Default.logits, f"For two classes auto means one logit: {', '.join(LOGITS)}."
    )
    # The training.
    define_integer("epochs", Default.epochs, "Epochs at most; of the head, if there is a backbone.")
    define_integer("fine_tune_epochs", Default.fine_tune_epochs, "Epochs of fine-tuning at most.")
    define_string(
        "fine_tune_from", Default.fine_tune_from, "The first layer to fine-tune: its name or index."
    )
    define_integer(
        "global_batch_size",
        Default.global_batch_size,
        "Examples per step, of all replicas together.",
    )
    define_string(
        "micro_batch",
        Default.micro_batch,
        "Examples that a replica works on at a time: auto, or a divisor of its part of the batch.",
    )
    define_float(
        "device_memory_gb",
        Default.device_memory_gb,
        "Memory of each device to plan with; default: what this machine has.",
    )
    define_string("optimizer", Default.optimizer, f"The optimizer: {', '.join(OPTIMIZERS)}.")
    define_float("learning_rate", Default.learning_rate, "The highest learning rate.")
    define_float(
        "fine_tune_learning_rate", Default.fine_tune_learning_rate, "The same, of fine-tuning."
    )
    define_float("weight_decay", Default.weight_decay, "The weight decay of adamw.")
    define_string("schedule", Default.schedule, f"After the warm-up: {', '.join(SCHEDULES)}.")
    define_float("warmup_epochs", Default.warmup_epochs, "Epochs of linear warm-up.")
    define_float("clip_norm", Default.clip_norm, "The largest norm of the gradient; 0: any.")
    define_string(
        "augment", Default.augment, "Changes of training images: " + ", ".join(AUGMENTATIONS) + "."
    )
    define_string(
        "monitor", Default.monitor, f"Validation metric of the best epoch: {', '.join(MONITORS)}."
    )
    define_integer("patience", Default.patience, "Epochs without improvement before stopping.")
    # The run.
    define_integer("seed", Default.seed, "Decides order, augmentation, dropout, first weights.")
    define_bool(
        "deterministic", Default.deterministic, "Resume to the bit; off may be faster on a GPU."
    )
    define_integer("checkpoint_steps", Default.checkpoint_steps, "Steps between checkpoints.")
    define_float(
        "checkpoint_minutes", Default.checkpoint_minutes, "Minutes between checkpoints at most."
    )
    define_float(
        "max_minutes",
        Default.max_minutes,
        "Save and leave when these are nearly over, to be resumed; default: no limit.",
    )
    define_integer(
        "max_skipped_steps",
        Default.max_skipped_steps,
        "Steps in a row that are not finite before the weights go back to the last checkpoint.",
    )
    define_float("max_loss", Default.max_loss, "The loss above which they do.")
    define_integer("max_rollbacks", Default.max_rollbacks, "How often they may, before giving up.")
    define_integer("log_steps", Default.log_steps, "Steps between lines of the log.")
    define_bool(
        "shuffle_labels",
        Default.shuffle_labels,
        "Draw labels by lot: an AUC far from .5 is a leak.",
    )
    define_bool("restart", Default.restart, "Set aside the run that is there; begin anew.")


def to_config(values: flags.FlagValues) -> TrainConfig:
    """Returns the configuration that the flags describe.

    Raises:
      UsageError: a value is out of range, or two contradict each other.
    """
    names = [field.name for field in dataclasses.fields(TrainConfig)]
    return TrainConfig(**{name: values[name].value for name in names})
