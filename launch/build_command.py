"""How a script of this folder becomes the build, with further options of Beam."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from tfrecords import usage


def run_with(options: Callable[[], Sequence[str]], doc: str | None) -> NoReturn:
    """Becomes the build with the command line of this process.

    Args:
      options: returns those of Beam that come before the command line's own; not called where it
        asks for help.
      doc: shown then, before the help of the build.
    """
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    command = [sys.executable, "-m", "data_pipeline.build", *words[:end]]
    if usage.asks_for_help(words):
        print(doc, flush=True)
    else:
        command += ["--", *options(), *words[end + 1 :]]
    os.execv(sys.executable, command)  # noqa: S606 - it is this project's own command
