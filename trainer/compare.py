"""Compares runs: python -m trainer.compare runs/*.

It prints a table, and leaves comparison.html, comparison.csv, curves.png and TensorBoard's HParams.
"""

# The flags and one call; the program is `comparing.comparison.compare`.

import sys

from tfrecords import exits, settings, usage

if __name__ == "__main__":
    exits.leave_when_interrupted()

from absl import flags

from trainer import quiet

with quiet.tensorflow():
    from trainer.comparing import comparison

FLAGS = flags.FlagValues()
settings.define(comparison.CompareConfig, flags, FLAGS)


def main(argv: list[str]) -> None:
    """Compares the runs of the directories given."""
    print(comparison.compare(settings.read(comparison.CompareConfig, FLAGS), argv[1:]))


def parse_flags(argv: list[str]) -> list[str]:
    """Parses the flags; returns the program's name and the directories.

    Raises:
      UsageError: there is no directory.
    """
    return usage.parse_directories(FLAGS, argv, __doc__, "python -m trainer.compare runs/*")


if __name__ == "__main__":
    exits.run(lambda: main(parse_flags(sys.argv)), (flags.Error,))
