"""Says what bundles are worth on a split: python -m trainer.evaluate --bundles=runs/a,runs/b.

Several make an ensemble: the mean of their calibrated probabilities.
"""

# The flags and one call; the program is `ensemble.evaluate`.

import sys

from tfrecords import exits, settings, usage

if __name__ == "__main__":
    exits.leave_when_interrupted()

from absl import flags

from trainer import quiet

with quiet.tensorflow():
    from trainer import ensemble

FLAGS = flags.FlagValues()
settings.define(ensemble.EvaluateConfig, flags, FLAGS)


def main(argv: list[str]) -> None:
    """Evaluates with the flags given."""
    ensemble.evaluate(settings.read(ensemble.EvaluateConfig, FLAGS))


def parse_flags(argv: list[str]) -> list[str]:
    """Parses the flags; returns the program's name.

    Raises:
      UsageError: a word is no flag.
    """
    return usage.parse(FLAGS, argv, __doc__)


if __name__ == "__main__":
    exits.run(lambda: main(parse_flags(sys.argv)), (flags.Error,))
