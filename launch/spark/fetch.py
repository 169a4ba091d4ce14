"""Fetches Spark and Beam's job server from Maven Central: python -m launch.spark.fetch."""

import pathlib
import sys

from absl import flags

from launch import jars
from tfrecords import exits, usage

DIRECTORY = pathlib.Path(".spark")  # ignored by git; relative as data/ and runs/ are
SPARK = jars.Engine(
    lock=pathlib.Path(__file__).with_name("jars.lock"),
    directory=DIRECTORY / "jars",
    main="org.apache.beam.runners.spark.SparkJobServerDriver",
)


def main() -> None:
    """Fetches what is missing."""
    usage.parse(flags.FlagValues(), sys.argv, __doc__)
    jars.fetch(SPARK)


if __name__ == "__main__":
    exits.run(main, (flags.Error,))
