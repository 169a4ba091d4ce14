"""Trains a model, or goes on with a run: python -m trainer.main --strategy=mirrored."""

# The flags and one call; the program is `training.train_and_evaluate`.

import os
import sys

from tfrecords import exits, settings, usage

if __name__ == "__main__":
    exits.leave_when_interrupted()

from absl import flags

from trainer import quiet

with quiet.tensorflow():
    from trainer import config as configs
    from trainer import training
    from trainer.running import pulse

FLAGS = flags.FlagValues()
settings.define(configs.TrainConfig, flags, FLAGS)


def main(argv: list[str]) -> None:
    """Trains with the flags given."""
    config = settings.read(configs.TrainConfig, FLAGS)
    if config.supervise and not pulse.Pulse.from_environment().is_supervised:
        # In the place of this process: one that only watches has no need of TensorFlow's memory.
        command = [sys.executable, "-m", "trainer.supervise", *sys.argv[1:]]
        os.execv(sys.executable, command)  # noqa: S606 - no shell is wanted
    training.train_and_evaluate(config)


def parse_flags(argv: list[str]) -> list[str]:
    """Parses the flags; returns the program's name.

    Raises:
      UsageError: a word is no flag.
    """
    return usage.parse(FLAGS, argv, __doc__, titles=settings.titles(configs.TrainConfig))


if __name__ == "__main__":
    exits.run(lambda: main(parse_flags(sys.argv)), (flags.Error,))
