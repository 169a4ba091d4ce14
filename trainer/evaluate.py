"""Says what bundles are worth on a split: python -m trainer.evaluate --bundles=runs/a,runs/b.

Several make an ensemble: the mean of their calibrated probabilities.
"""

# The flags and one call; the program is `ensemble.evaluate`.

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

    from trainer import ensemble

    tf.config.list_physical_devices()  # looks for drivers, and says so

FLAGS = flags.FlagValues()
settings.define(ensemble.EvaluateConfig, flags, FLAGS)


def main(argv: list[str]) -> None:
    """Evaluates with the flags given."""
    logging.set_verbosity(logging.WARNING)
    tf.get_logger().setLevel("WARNING")
    ensemble.evaluate(settings.read(ensemble.EvaluateConfig, FLAGS))


def parse_flags(argv: list[str]) -> list[str]:
    """Parses the flags; returns the program's name.

    Raises:
      UsageError: a word is no flag.
    """
    return usage.parse(FLAGS, argv, __doc__)


if __name__ == "__main__":
    exits.run(lambda: main(parse_flags(sys.argv)), (flags.Error,))
