"""Paints augmented images: python -m trainer.augment --data_dir=data --augment=forensic."""

# The flags and one call; the program is `preview.write`.

import sys

from tfrecords import exits, settings, usage

if __name__ == "__main__":
    exits.leave_when_interrupted()

from absl import flags

from trainer import quiet

with quiet.tensorflow("ERROR"):
    from trainer.augment import preview

FLAGS = flags.FlagValues()
settings.define(preview.PreviewConfig, flags, FLAGS)


def main(argv: list[str]) -> None:
    """Writes the picture for the flags given."""
    print(preview.write(settings.read(preview.PreviewConfig, FLAGS)))


def parse_flags(argv: list[str]) -> list[str]:
    """Parses the flags; returns the program's name.

    Raises:
      UsageError: a word is no flag.
    """
    return usage.parse(FLAGS, argv, __doc__)


if __name__ == "__main__":
    exits.run(lambda: main(parse_flags(sys.argv)), (flags.Error,))
