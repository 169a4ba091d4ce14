"""Starts a Flink cluster on this machine: python -m launch.flink.start."""

import sys

from absl import flags

from launch.flink import cluster, fetch
from tfrecords import exits, usage

RUN = fetch.DIRECTORY / "cluster"


def main() -> None:
    """Starts it and says how it is used."""
    usage.parse(flags.FlagValues(), sys.argv, __doc__)
    ports = cluster.start(RUN)
    print(
        f"A job manager and {cluster.TASK_MANAGERS} task managers run; "
        f"Flink answers at http://{cluster.HOST}:{ports['rest']}. Logs: {RUN}/*.log\n"
        "Build on it:  python -m launch.flink.build --dataset=... --source=...\n"
        "Stop it:      python -m launch.flink.stop"
    )


if __name__ == "__main__":
    exits.run(main, (flags.Error,))
