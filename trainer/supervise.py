"""Trains as trainer.main does, and starts it again when it dies or hangs.

python -m trainer.supervise --strategy=mirrored, or --supervise with trainer.main.
"""

# The flags go on to trainer.main as they are; the program is `supervisor.Supervisor`.

import sys

from tfrecords import exits
from trainer.running import supervisor


def main(arguments: list[str]) -> None:
    """Supervises a training with the flags given."""
    command = [sys.executable, "-m", "trainer.main", *arguments]
    sys.exit(supervisor.Supervisor(command).run())


if __name__ == "__main__":
    exits.run(lambda: main(sys.argv[1:]))
