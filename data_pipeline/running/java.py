"""Java that does not outlive the build: becomes `java` with its arguments.

Beam starts a job server in a process of its own, and forgets it when the build is killed. On Linux
the kernel ends it then; elsewhere it has to be ended by hand.
"""

import ctypes
import os
import shutil
import signal
import sys
from collections.abc import Sequence

_LAUNCHER = "--job_server_java_launcher"
_PR_SET_PDEATHSIG = 1


def launcher(flags: Sequence[str]) -> list[str]:
    """Returns the options by which Beam starts Java so, unless `flags` have a launcher."""
    if shutil.which("java") is None or any(flag.startswith(_LAUNCHER) for flag in flags):
        return []
    words = ("-m", "data_pipeline.running.java")
    return [
        f"{_LAUNCHER}={sys.executable}",
        *(f"--job_server_jvm_properties={word}" for word in words),
    ]


if __name__ == "__main__":
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    os.execvp("java", ["java", *sys.argv[1:]])  # noqa: S606 - a job server, as Beam would start it
