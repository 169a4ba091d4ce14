"""Trains a model, or goes on with a run: python -m trainer.main --strategy=mirrored."""

# The flags and one call; the program is `training.train_and_evaluate`.

import os

from absl import app, flags, logging

from tfrecords import exits
from trainer import quiet

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
with quiet.native_stderr():
    import tensorflow as tf

    from trainer import train_flags, training

    tf.config.list_physical_devices()  # looks for drivers, and says so

FLAGS = flags.FLAGS
train_flags.define(FLAGS)


def main(argv: list[str]) -> None:
    """Trains with the flags given."""
    if len(argv) > 1:
        raise exits.UsageError(f"Flags begin with --. Received: {' '.join(argv[1:])}.")
    logging.set_verbosity(logging.WARNING)
    tf.get_logger().setLevel("WARNING")
    training.train_and_evaluate(train_flags.to_config(FLAGS))


if __name__ == "__main__":
    exits.run(
        lambda: app.run(main, flags_parser=lambda argv: FLAGS(argv)),
        usage_errors=(flags.Error,),
    )
