"""Finds a learning rate: python -m trainer.find_learning_rate, with the flags of the training.

The rate rises from step to step until the loss diverges; no weights are kept.
"""

# The flags and one call; the program is `rate_range.search.find`.

import sys

from tfrecords import exits, settings, usage

if __name__ == "__main__":
    exits.leave_when_interrupted()

from absl import flags

from trainer import quiet

with quiet.tensorflow():
    from trainer import config as configs
    from trainer.rate_range import search

FLAGS = flags.FlagValues()
settings.define(search.RangeConfig, flags, FLAGS)
settings.define(configs.TrainConfig, flags, FLAGS)


def main(argv: list[str]) -> None:
    """Tests the flags given."""
    search.find(settings.read(configs.TrainConfig, FLAGS), settings.read(search.RangeConfig, FLAGS))


def parse_flags(argv: list[str]) -> list[str]:
    """Parses the flags; returns the program's name.

    Raises:
      UsageError: a word is no flag.
    """
    return usage.parse(FLAGS, argv, __doc__, titles=settings.titles(configs.TrainConfig))


if __name__ == "__main__":
    exits.run(lambda: main(parse_flags(sys.argv)), (flags.Error,))
