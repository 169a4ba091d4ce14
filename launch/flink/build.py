"""Runs the build on the cluster of launch.flink.start: python -m launch.flink.build [FLAGS].

The flags are those of data_pipeline.build; further options of Beam come after a bare --.
"""

import os
import sys

from launch.flink import cluster, start
from tfrecords import exits, usage


def options(ports: dict[str, int]) -> list[str]:
    """Returns the options of Beam for a cluster."""
    return [
        "--runner=FlinkRunner",
        f"--job_endpoint={cluster.HOST}:{ports['job_server']}",
        "--environment_type=EXTERNAL",
        f"--environment_config={cluster.HOST}:{ports['worker_pool']}",
        f"--parallelism={cluster.TASK_MANAGERS}",
    ]


def main() -> None:
    """Becomes the build."""
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    command = [sys.executable, "-m", "data_pipeline.build", *words[:end]]
    if usage.asks_for_help(words):
        print(__doc__, flush=True)
    else:
        command += ["--", *options(cluster.ports_of(start.RUN)), *words[end + 1 :]]
    os.execv(sys.executable, command)  # noqa: S606 - it is this project's own command


if __name__ == "__main__":
    exits.run(main)
