"""Stops the cluster that launch.flink.start has started: python -m launch.flink.stop."""

from launch.flink import cluster, start
from tfrecords import exits


def main() -> None:
    """Stops it and says so."""
    stopped = cluster.stop(start.RUN)
    print(f"Stopped: {', '.join(stopped)}." if stopped else "No cluster runs.")


if __name__ == "__main__":
    exits.run(main)
