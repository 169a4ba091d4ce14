"""Fetches Flink and Beam's job server from Maven Central: python -m launch.flink.fetch."""

import pathlib
import sys

from absl import flags

from launch import jars
from tfrecords import exits, usage

DIRECTORY = pathlib.Path(".flink")  # ignored by git; relative as data/ and runs/ are
FLINK = jars.Engine(
    lock=pathlib.Path(__file__).with_name("jars.lock"),
    directory=DIRECTORY / "jars",
    main="org.apache.beam.runners.flink.FlinkJobServerDriver",
)


def main() -> None:
    """Fetches what is missing."""
    usage.parse(flags.FlagValues(), sys.argv, __doc__)
    jars.fetch(FLINK)


if __name__ == "__main__":
    exits.run(main, (flags.Error,))
