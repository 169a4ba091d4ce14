"""Says what a training will take, on any machine: python -m trainer.plan --model=xception.

The dataset need not be there, but the first line says so; then --image_size, --num_classes and
--num_examples tell what it would have told.
"""

# The flags and one call; the program is `outlook.look`.

import json
import sys

from tfrecords import exits, settings, usage

if __name__ == "__main__":
    exits.leave_when_interrupted()

from absl import flags

from trainer import quiet

with quiet.tensorflow():
    from trainer import config as configs
    from trainer import outlook
    from trainer.reporting import forecast

FLAGS = flags.FlagValues()
settings.define(outlook.OutlookConfig, flags, FLAGS)
settings.define(configs.TrainConfig, flags, FLAGS)


def main(argv: list[str]) -> None:
    """Prints the plan for the flags given."""
    asked = settings.read(outlook.OutlookConfig, FLAGS)
    found = outlook.look(settings.read(configs.TrainConfig, FLAGS), asked)
    print(json.dumps(found, indent=2) if asked.json else forecast.as_text(found))


def parse_flags(argv: list[str]) -> list[str]:
    """Parses the flags; returns the program's name.

    Raises:
      UsageError: a word is no flag.
    """
    return usage.parse(FLAGS, argv, __doc__, titles=settings.titles(configs.TrainConfig))


if __name__ == "__main__":
    exits.run(lambda: main(parse_flags(sys.argv)), (flags.Error,))
