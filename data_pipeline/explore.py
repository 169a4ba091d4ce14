"""Writes the report and the pictures of a dataset again: python -m data_pipeline.explore DIR."""

# The argument and one call; the program is `report.write`.

import pathlib
import sys

from tfrecords import dataset, directories, exits, names, usage

if __name__ == "__main__":
    exits.leave_when_interrupted()

from absl import flags

from data_pipeline.reporting import report

FLAGS = flags.FlagValues()


def main(argv: list[str]) -> None:
    """Explores the dataset of the directory given."""
    directory = pathlib.Path(argv[1])
    if not directory.is_dir():
        raise exits.DataError(f"There is no directory {directory}.")
    with directories.read(directory):  # no build replaces it meanwhile
        report.write(directory, dataset.load(directory).manifest)
    print(f"Report: {directory / names.REPORT}")


def parse_flags(argv: list[str]) -> list[str]:
    """Parses the flags, of which there are none; returns the program's name and the directory.

    Raises:
      UsageError: there is no directory, or more than one.
    """
    example = "python -m data_pipeline.explore data/sample/1.0.0"
    return usage.parse_directory(FLAGS, argv, __doc__, example)


if __name__ == "__main__":
    exits.run(lambda: main(parse_flags(sys.argv)), (flags.Error,))
