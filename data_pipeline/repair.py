"""Repairs a dataset: python -m data_pipeline.repair data/sample/1.0.0.

A damaged shard is written again from the source. Where that is gone or has changed, the records
that can be read are saved, and what is lost is said.
"""

# The flags and one call; the program is `repairing.repair`.

import logging
import pathlib
import sys

from tfrecords import exits, settings, usage

if __name__ == "__main__":
    exits.leave_when_interrupted()
    logging.disable()  # of Beam, as in `build`

from absl import flags

from data_pipeline.mending import repairing
from data_pipeline.running import local_runner

FLAGS = flags.FlagValues()
flags.DEFINE_string(
    "source", None, "Where the source lies now, if not where it was built from.", flag_values=FLAGS
)
flags.DEFINE_bool(
    "use_source",
    True,
    "Write damaged shards from the source; else save what can be read.",
    flag_values=FLAGS,
)


def main(argv: list[str]) -> None:
    """Repairs the dataset of the directory given."""
    source = settings.from_home("source", FLAGS["source"].value)
    try:
        repairing.repair(pathlib.Path(argv[1]), source, FLAGS["use_source"].value)
    except local_runner.WorkerDied as died:
        exits.leave_at_once(died)  # Beam's threads wait for its results for ever


def parse_flags(argv: list[str]) -> list[str]:
    """Parses the flags; returns the program's name and the directory.

    Raises:
      UsageError: there is no directory, or more than one.
    """
    example = "python -m data_pipeline.repair data/sample/1.0.0"
    return usage.parse_directory(FLAGS, argv, __doc__, example)


if __name__ == "__main__":
    exits.run(lambda: main(parse_flags(sys.argv)), (flags.Error,))
