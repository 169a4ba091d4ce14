"""Runs a command whose framework is replaced by one that interrupts its own import."""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[1]


def run(
    module: str, framework: str, number: int, directory: pathlib.Path
) -> subprocess.CompletedProcess[str]:
    """Runs `python -m module`, which gets a signal in the middle of `import framework`."""
    package = directory / framework
    package.mkdir()
    (package / "__init__.py").write_text(
        f"import os, time\nos.kill(os.getpid(), {int(number)})\ntime.sleep(60)\n"
    )
    return subprocess.run(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(directory)},
        capture_output=True,
        text=True,
        check=False,
    )
