"""Compares runs: python -m trainer.compare runs/*.

It prints a table, and leaves comparison.html, comparison.csv, curves.png and TensorBoard's HParams.
"""

# The flags and one call; the program is `comparing.comparison.compare`.

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

    from trainer.comparing import comparison

    tf.config.list_physical_devices()  # looks for drivers, and says so

FLAGS = flags.FlagValues()
settings.define(comparison.CompareConfig, flags, FLAGS)


def main(argv: list[str]) -> None:
    """Compares the runs of the directories given."""
    logging.set_verbosity(logging.WARNING)
    tf.get_logger().setLevel("WARNING")
    print(comparison.compare(settings.read(comparison.CompareConfig, FLAGS), argv[1:]))


def parse_flags(argv: list[str]) -> list[str]:
    """Parses the flags; returns the program's name and the directories.

    Raises:
      UsageError: there is no directory.
    """
    return usage.parse_directories(FLAGS, argv, __doc__, "python -m trainer.compare runs/*")


if __name__ == "__main__":
    exits.run(lambda: main(parse_flags(sys.argv)), (flags.Error,))
