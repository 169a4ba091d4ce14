"""Stops the cluster that launch.flink.start has started: python -m launch.flink.stop."""

import sys

from absl import flags

from launch.flink import cluster, start
from tfrecords import exits, usage


def main() -> None:
    """Stops it and says so."""
    usage.parse(flags.FlagValues(), sys.argv, __doc__)
    stopped = cluster.stop(start.RUN)
    print(f"Stopped: {', '.join(stopped)}." if stopped else "No cluster runs.")


if __name__ == "__main__":
    exits.run(main, (flags.Error,))
