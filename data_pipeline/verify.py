"""Checks a dataset: python -m data_pipeline.verify data/sample/1.0.0.

It ends with 0 where all is well, and with 3 where a file is damaged.
"""

# The flags and one call; the program is `verification.verify`.

import pathlib
import sys

from tfrecords import exits, usage

if __name__ == "__main__":
    exits.leave_when_interrupted()

from absl import flags

from data_pipeline.mending import verification

FLAGS = flags.FlagValues()
flags.DEFINE_bool(
    "full",
    False,
    "Read every record: its checksums, its features, its image; else the sizes of the files.",
    flag_values=FLAGS,
)


def main(argv: list[str]) -> None:
    """Checks the dataset of the directory given."""
    verification.verify(pathlib.Path(argv[1]), FLAGS["full"].value)


def parse_flags(argv: list[str]) -> list[str]:
    """Parses the flags; returns the program's name and the directory.

    Raises:
      UsageError: there is no directory, or more than one.
    """
    example = "python -m data_pipeline.verify data/sample/1.0.0"
    return usage.parse_directory(FLAGS, argv, __doc__, example)


if __name__ == "__main__":
    exits.run(lambda: main(parse_flags(sys.argv)), (flags.Error,))
