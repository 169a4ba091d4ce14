"""Runs the build on Google Cloud Dataflow.

  PROJECT=... REGION=... BUCKET=gs://... python -m launch.dataflow [FLAGS] [-- BEAM OPTIONS]

The flags are those of data_pipeline.build; setup.py takes the code to the workers. It needs
apache-beam[gcp]. A build reads and writes files: the directories of --source and --data_dir must be
mounted on the workers under the same paths as here, by a worker image of your own
(-- --sdk_container_image=...). A worker that does not see them says so, and nothing is written.
"""

import os
import pathlib
from collections.abc import Mapping

from launch import build_command
from tfrecords import exits

SETUP = pathlib.Path(__file__).parents[1] / "setup.py"


def options(environment: Mapping[str, str]) -> list[str]:
    """Returns the options of Beam.

    Raises:
      UsageError: a variable is missing.
    """
    missing = [name for name in ("PROJECT", "REGION", "BUCKET") if not environment.get(name)]
    if missing:
        raise exits.UsageError(
            f"Dataflow needs to know {', '.join(missing)}. Use: "
            "PROJECT=... REGION=... BUCKET=gs://... python -m launch.dataflow"
        )
    bucket = environment["BUCKET"].rstrip("/")
    return [
        "--runner=DataflowRunner",
        f"--project={environment['PROJECT']}",
        f"--region={environment['REGION']}",
        f"--temp_location={bucket}/temp",
        f"--staging_location={bucket}/staging",
        f"--setup_file={SETUP}",
        "--job_name=data-pipeline-build",
    ]


def main() -> None:
    """Becomes the build."""
    build_command.run_with(lambda: options(os.environ), __doc__)


if __name__ == "__main__":
    exits.run(main)
