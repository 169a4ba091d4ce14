"""Paints augmented images: python -m trainer.augment --data_dir=data --augment=forensic."""

# The flags and one call; the program is `preview.write`.

import dataclasses
import functools
import os
import sys

from tfrecords import exits, usage

if __name__ == "__main__":
    exits.leave_when_interrupted()

from absl import flags, logging

from trainer import quiet

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
with quiet.native_stderr():
    import tensorflow as tf

    from trainer.augment import preview
    from trainer.config import AUGMENTATIONS

    tf.config.list_physical_devices()  # looks for drivers, and says so

FLAGS = flags.FlagValues()
Default = preview.PreviewConfig
define_string = functools.partial(flags.DEFINE_string, flag_values=FLAGS)
define_integer = functools.partial(flags.DEFINE_integer, flag_values=FLAGS)

define_string("data_dir", Default.data_dir, "The directory that datasets are built in.")
define_string("dataset", Default.dataset, "The dataset's name.")
define_string("version", Default.version, "Its version; by default the highest.")
define_string("augment", Default.augment, f"How images are changed: {', '.join(AUGMENTATIONS)}.")
define_integer("image_size", Default.image_size, "Side of the images; default: as the dataset's.")
define_integer("seed", Default.seed, "Decides which images, and how each is changed.")
define_string("output", Default.output, "The picture; default: augmented_<augment>.png.")


def main(argv: list[str]) -> None:
    """Writes the picture for the flags given."""
    logging.set_verbosity(logging.WARNING)
    tf.get_logger().setLevel("ERROR")
    print(preview.write(to_config(FLAGS)))


def to_config(values: flags.FlagValues) -> preview.PreviewConfig:
    """Returns the configuration that the flags describe.

    Raises:
      UsageError: a value is out of range.
    """
    names = [field.name for field in dataclasses.fields(preview.PreviewConfig)]
    return preview.PreviewConfig(**{name: values[name].value for name in names})


def parse_flags(argv: list[str]) -> list[str]:
    """Parses the flags; returns the program's name.

    Raises:
      UsageError: a word is no flag.
    """
    return usage.parse(FLAGS, argv, __doc__)


if __name__ == "__main__":
    exits.run(lambda: main(parse_flags(sys.argv)), (flags.Error,))
