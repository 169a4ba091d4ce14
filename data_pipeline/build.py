"""Builds a dataset of TFRecords, or goes on with a build: python -m data_pipeline.build.

Options of Apache Beam come after a bare --.
"""

# The flags and one call; the program is `pipeline.build_dataset`.

import logging
import sys

from tfrecords import exits, imports, settings, usage

if __name__ == "__main__":
    exits.leave_when_interrupted()
    logging.disable()  # of Beam: its errors arrive as exceptions, and what it lacks is not needed

from absl import flags

with imports.uncollected():
    from data_pipeline import pipeline
    from data_pipeline.config import BuildConfig
    from data_pipeline.running import local_runner, strict_options

FLAGS = flags.FlagValues()
settings.define(BuildConfig, flags, FLAGS)


def main(argv: list[str]) -> None:
    """Builds with the flags given; what is left in `argv` goes to Beam."""
    config = settings.read(BuildConfig, FLAGS, beam_options=tuple(argv[1:]))
    try:
        pipeline.build_dataset(config)
    except local_runner.WorkerDied as died:
        exits.leave_at_once(died)  # Beam's threads wait for its results for ever


def parse_flags(argv: list[str]) -> list[str]:
    """Parses this project's flags; returns the program's name and Beam's options.

    Raises:
      UsageError: a word before `--` is no flag, or one after it is no option of Beam.
    """
    end = argv.index("--") if "--" in argv else len(argv)
    usage.parse(
        FLAGS,
        argv[:end],
        __doc__,
        "Beam's options come after a --.",
        titles=settings.titles(BuildConfig),
    )
    strict_options.parse(argv[end + 1 :])
    return [argv[0], *argv[end + 1 :]]


if __name__ == "__main__":
    exits.run(lambda: main(parse_flags(sys.argv)), (flags.Error,))
