"""Finds a learning rate: python -m trainer.find_learning_rate, with the flags of the training.

The rate rises from step to step until the loss diverges; no weights are kept.
"""

# The flags and one call; the program is `rate_range.search.find`.

import os
import sys

from tfrecords import exits, settings, usage

if __name__ == "__main__":
    exits.leave_when_interrupted()

from absl import flags, logging

from trainer import quiet

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
with quiet.native_stderr():
    import tensorflow as tf

    from trainer import config as configs
    from trainer.rate_range import search

    tf.config.list_physical_devices()  # looks for drivers, and says so

FLAGS = flags.FlagValues()
settings.define(configs.TrainConfig, flags, FLAGS)
settings.define(search.RangeConfig, flags, FLAGS)


def main(argv: list[str]) -> None:
    """Tests the flags given."""
    logging.set_verbosity(logging.WARNING)
    tf.get_logger().setLevel("WARNING")
    search.find(settings.read(configs.TrainConfig, FLAGS), settings.read(search.RangeConfig, FLAGS))


def parse_flags(argv: list[str]) -> list[str]:
    """Parses the flags; returns the program's name.

    Raises:
      UsageError: a word is no flag.
    """
    return usage.parse(FLAGS, argv, __doc__)


if __name__ == "__main__":
    exits.run(lambda: main(parse_flags(sys.argv)), (flags.Error,))
