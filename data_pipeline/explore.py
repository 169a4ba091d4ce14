"""Writes report.html and pictures/ of a dataset again: python -m data_pipeline.explore DIR."""

# The argument and one call; the program is `report.write`.

import pathlib
import sys

from data_pipeline import report
from tfrecords import dataset, directories, exits, names


def main(argv: list[str]) -> None:
    """Explores the directory of a dataset, such as data/sample/1.0.0."""
    if {"--help", "-h"}.intersection(argv):
        print(__doc__)
        return
    if len(argv) != 2 or argv[1].startswith("-"):
        raise exits.UsageError(
            "Name the directory of one dataset: python -m data_pipeline.explore "
            f"data/sample/1.0.0. Received: {' '.join(argv[1:]) or 'nothing'}."
        )
    directory = pathlib.Path(argv[1])
    if not directory.is_dir():
        raise exits.DataError(f"There is no directory {directory}.")
    with directories.read(directory):  # no build replaces it meanwhile
        report.write(directory, dataset.load(directory).manifest)
    print(f"Report: {directory / names.REPORT}")


if __name__ == "__main__":
    exits.run(lambda: main(sys.argv))
