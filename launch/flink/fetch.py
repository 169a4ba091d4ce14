"""Fetches Flink and Beam's job server from Maven Central: python -m launch.flink.fetch."""

import pathlib

from launch import jars
from tfrecords import exits

DIRECTORY = pathlib.Path(".flink")  # ignored by git; relative as data/ and runs/ are
FLINK = jars.Engine(
    lock=pathlib.Path(__file__).with_name("jars.lock"),
    directory=DIRECTORY / "jars",
    main="org.apache.beam.runners.flink.FlinkJobServerDriver",
)

if __name__ == "__main__":
    exits.run(lambda: jars.fetch(FLINK))
