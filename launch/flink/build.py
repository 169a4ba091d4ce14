"""Runs the build on the cluster of launch.flink.start: python -m launch.flink.build [FLAGS].

The flags are those of data_pipeline.build; further options of Beam come after a bare --.
"""

from launch import build_command
from launch.flink import cluster, start
from tfrecords import exits


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
    build_command.run_with(lambda: options(cluster.ports_of(start.RUN)), __doc__)


if __name__ == "__main__":
    exits.run(main)
