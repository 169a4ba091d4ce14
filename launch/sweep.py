"""Trains with every combination of some flags: python -m launch.sweep --grid=FILE.

FILE is a flag file of trainer.main. A flag that stands in it several times takes each of its values
in turn. Each training is a process and a run of its own; the same command goes on where it stopped.
At the end the runs are compared, as trainer.compare does.
"""

# The flags and one call; the program is `sweeping.trainings.sweep`.

import sys

from tfrecords import exits, settings, usage

if __name__ == "__main__":
    exits.leave_when_interrupted()

from absl import flags

from trainer import quiet

with quiet.tensorflow():
    from launch.sweeping import trainings

FLAGS = flags.FlagValues()
settings.define(trainings.SweepConfig, flags, FLAGS)


def main(argv: list[str]) -> None:
    """Sweeps with the flags given."""
    trainings.sweep(settings.read(trainings.SweepConfig, FLAGS))


def parse_flags(argv: list[str]) -> list[str]:
    """Parses the flags; returns the program's name.

    Raises:
      UsageError: a word is no flag.
    """
    return usage.parse(FLAGS, argv, __doc__)


if __name__ == "__main__":
    exits.run(lambda: main(parse_flags(sys.argv)), (flags.Error,))
