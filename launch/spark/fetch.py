"""Fetches Spark and Beam's job server from Maven Central: python -m launch.spark.fetch."""

import pathlib

from launch import jars
from tfrecords import exits

DIRECTORY = pathlib.Path(".spark")  # ignored by git; relative as data/ and runs/ are
SPARK = jars.Engine(
    lock=pathlib.Path(__file__).with_name("jars.lock"),
    directory=DIRECTORY / "jars",
    main="org.apache.beam.runners.spark.SparkJobServerDriver",
)

if __name__ == "__main__":
    exits.run(lambda: jars.fetch(SPARK))
