"""Paints augmented images: python -m trainer.augment --data_dir=data --augment=forensic."""

# The flags and one call; the program is `preview.write`.

import os
import sys

from tfrecords import exits, usage

if __name__ == "__main__":
    exits.leave_when_interrupted()

from absl import app, flags, logging

from trainer import quiet

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
with quiet.native_stderr():
    import tensorflow as tf

    from trainer.augment import preview
    from trainer.config import AUGMENTATIONS

    tf.config.list_physical_devices()  # looks for drivers, and says so

FLAGS = flags.FLAGS
Default = preview.PreviewConfig

flags.DEFINE_string("data_dir", Default.data_dir, "The directory that datasets are built in.")
flags.DEFINE_string("dataset", Default.dataset, "The dataset's name.")
flags.DEFINE_string("version", Default.version, "Its version; by default the highest.")
flags.DEFINE_string("augment", Default.augment, f"The augmentation: {', '.join(AUGMENTATIONS)}.")
flags.DEFINE_integer(
    "image_size", Default.image_size, "Side of the images; default: as the dataset's."
)
flags.DEFINE_integer("seed", Default.seed, "Decides which images, and how each is changed.")
flags.DEFINE_string("output", Default.output, "The picture; default: augmented_<augment>.png.")

OWN = ("data_dir", "dataset", "version", "augment", "image_size", "seed", "output")


def to_config(values: flags.FlagValues) -> preview.PreviewConfig:
    """Returns the configuration that the flags describe.

    Raises:
      UsageError: a value is out of range.
    """
    return preview.PreviewConfig(**{name: values[name].value for name in OWN})


def main(argv: list[str]) -> None:
    """Writes the picture for the flags given."""
    logging.set_verbosity(logging.WARNING)
    tf.get_logger().setLevel("ERROR")
    print(preview.write(to_config(FLAGS)))


def parse_flags(argv: list[str]) -> list[str]:
    """Parses the flags; returns the program's name.

    Raises:
      UsageError: a word is no flag.
    """
    usage.parse(FLAGS, argv, __doc__, [FLAGS[name] for name in OWN])
    return argv[:1]


if __name__ == "__main__":
    exits.run(lambda: app.run(main, sys.argv, flags_parser=parse_flags), (flags.Error,))
