"""Says what a training will take, on any machine: python -m trainer.plan --model=xception."""

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

FLAGS = flags.FlagValues()
settings.define(configs.TrainConfig, flags, FLAGS)
flags.DEFINE_bool("json", False, "Print JSON, for programs.", flag_values=FLAGS)
flags.DEFINE_integer(
    "num_replicas",
    None,
    "Devices of the training; default: those of --strategy here.",
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "num_classes", None, "Classes of the model; default: those of the dataset.", flag_values=FLAGS
)
flags.DEFINE_integer(
    "num_examples",
    None,
    "Examples of the training split; default: those of the dataset.",
    flag_values=FLAGS,
)
flags.DEFINE_bool(
    "probe", True, "Time a few steps here, for the time of an epoch.", flag_values=FLAGS
)


def main(argv: list[str]) -> None:
    """Prints the plan for the flags given."""
    found = outlook.look(
        settings.read(configs.TrainConfig, FLAGS),
        num_replicas=FLAGS["num_replicas"].value,
        num_classes=FLAGS["num_classes"].value,
        num_examples=FLAGS["num_examples"].value,
        probes=FLAGS["probe"].value,
    )
    print(json.dumps(found, indent=2) if FLAGS["json"].value else outlook.as_text(found))


def parse_flags(argv: list[str]) -> list[str]:
    """Parses the flags; returns the program's name.

    Raises:
      UsageError: a word is no flag.
    """
    return usage.parse(FLAGS, argv, __doc__)


if __name__ == "__main__":
    exits.run(lambda: main(parse_flags(sys.argv)), (flags.Error,))
