"""Trains a model, or goes on with a run: python -m trainer.main --strategy=mirrored."""

# The flags and one call; the program is `training.train_and_evaluate`.

import dataclasses
import os

from absl import app, flags, logging

from tfrecords import exits
from trainer import quiet
from trainer.config import (
    AUGMENTATIONS,
    MONITORS,
    OPTIMIZERS,
    SCHEDULES,
    STRATEGIES,
    TrainConfig,
)

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
with quiet.native_stderr():
    import tensorflow as tf

    from trainer import models, training

    tf.config.list_physical_devices()  # looks for drivers, and says so

FLAGS = flags.FLAGS
Default = TrainConfig

# Where the data are, and where the run goes.
flags.DEFINE_string("data_dir", Default.data_dir, "The directory that datasets are built in.")
flags.DEFINE_string("dataset", Default.dataset, "The dataset's name.")
flags.DEFINE_string("version", Default.version, "Its version; by default the highest.")
flags.DEFINE_string("target", Default.target, "What is learnt: label, or a further target.")
flags.DEFINE_string(
    "run_dir", Default.run_dir, "The run's directory; default: runs/<dataset>_<target>_<model>."
)
# The devices.
flags.DEFINE_string("strategy", Default.strategy, f"The devices: {', '.join(STRATEGIES)}.")
flags.DEFINE_integer(
    "logical_cpus", Default.logical_cpus, "Devices made of the CPU for mirrored without a GPU."
)
# The model.
flags.DEFINE_string("model", Default.model, f"The model: {', '.join(models.NAMES)}.")
flags.DEFINE_float("alpha", Default.alpha, "The width of mobilenet_v2.")
flags.DEFINE_string(
    "weights",
    Default.weights,
    "What the backbone starts from: imagenet, none, or the path of a weights file.",
)
flags.DEFINE_integer(
    "image_size", Default.image_size, "Side of the model's images; default: as the dataset's."
)
flags.DEFINE_float("dropout", Default.dropout, "The share of features dropped in training.")
# The training.
flags.DEFINE_integer(
    "epochs", Default.epochs, "Epochs at most; of the head, if there is a backbone."
)
flags.DEFINE_integer("fine_tune_epochs", Default.fine_tune_epochs, "Epochs of fine-tuning at most.")
flags.DEFINE_string(
    "fine_tune_from", Default.fine_tune_from, "The first layer to fine-tune: its name or index."
)
flags.DEFINE_integer(
    "global_batch_size", Default.global_batch_size, "Examples per step, of all replicas together."
)
flags.DEFINE_string("optimizer", Default.optimizer, f"The optimizer: {', '.join(OPTIMIZERS)}.")
flags.DEFINE_float("learning_rate", Default.learning_rate, "The highest learning rate.")
flags.DEFINE_float(
    "fine_tune_learning_rate", Default.fine_tune_learning_rate, "The same, of fine-tuning."
)
flags.DEFINE_float("weight_decay", Default.weight_decay, "The weight decay of adamw.")
flags.DEFINE_string("schedule", Default.schedule, f"After the warm-up: {', '.join(SCHEDULES)}.")
flags.DEFINE_float("warmup_epochs", Default.warmup_epochs, "Epochs of linear warm-up.")
flags.DEFINE_float("clip_norm", Default.clip_norm, "The largest norm of the gradient; 0: any.")
flags.DEFINE_string("augment", Default.augment, f"Augmentation: {', '.join(AUGMENTATIONS)}.")
flags.DEFINE_string(
    "monitor", Default.monitor, f"Validation metric of the best epoch: {', '.join(MONITORS)}."
)
flags.DEFINE_integer("patience", Default.patience, "Epochs without improvement before stopping.")
# The run.
flags.DEFINE_integer("seed", Default.seed, "Decides order, augmentation, dropout, first weights.")
flags.DEFINE_bool(
    "deterministic", Default.deterministic, "Resume to the bit; off may be faster on a GPU."
)
flags.DEFINE_integer("checkpoint_steps", Default.checkpoint_steps, "Steps between checkpoints.")
flags.DEFINE_integer("log_steps", Default.log_steps, "Steps between lines of the log.")
flags.DEFINE_bool(
    "shuffle_labels", Default.shuffle_labels, "Draw labels by lot: an AUC far from .5 is a leak."
)


def main(argv: list[str]) -> None:
    """Trains with the flags given."""
    if len(argv) > 1:
        raise exits.UsageError(f"Flags begin with --. Received: {' '.join(argv[1:])}.")
    logging.set_verbosity(logging.WARNING)
    tf.get_logger().setLevel("WARNING")
    names = [field.name for field in dataclasses.fields(TrainConfig)]
    training.train_and_evaluate(TrainConfig(**{name: FLAGS[name].value for name in names}))


if __name__ == "__main__":
    exits.run(
        lambda: app.run(main, flags_parser=lambda argv: FLAGS(argv)),
        usage_errors=(flags.Error,),
    )
