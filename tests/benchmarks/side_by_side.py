"""Commands run side by side: wall time, processor time and memory of each with all that it starts.

Linux alone: memory and processes are read from /proc.
"""

import ctypes
import dataclasses
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence

POLL_SECONDS = 0.2
_PR_SET_CHILD_SUBREAPER = 36
ROOT = pathlib.Path(__file__).parents[2]


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of a command, or the medians of several.

    Attributes:
      seconds: of wall time.
      cpu_seconds: of processor time, of all its processes.
      peak_bytes: the largest proportional set size (PSS) of all its processes together: a page
        that several of them share counts once.
      own_bytes: that of the command's own process.
      largest_bytes: that of the largest of the others.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: float
    own_bytes: float
    largest_bytes: float


def run(command: Sequence[str]) -> Run:
    """Runs a command to its end.

    Raises:
      CalledProcessError: it failed; its output is part of the error.
    """
    # What is orphaned below becomes a child of this process, which counts its time.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
        )
        memory = Memory(process.pid)
        while process.poll() is None:
            memory.look()
            time.sleep(POLL_SECONDS)
        seconds = time.perf_counter() - start
        _reap()
        if process.returncode:
            output.seek(0)
            raise subprocess.CalledProcessError(process.returncode, command, output.read())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(seconds, used, memory.peak, memory.own, memory.largest)


def alternating(
    commands: Mapping[str, Sequence[str]], times: int, output: pathlib.Path
) -> dict[str, Run]:
    """Runs each of some commands in turn, some times; returns the medians.

    Args:
      commands: by name.
      times: that each is run.
      output: a directory that they write to, and that is not there when one begins.
    """
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(times):
        for name, command in commands.items():
            shutil.rmtree(output, ignore_errors=True)
            os.sync()  # what one has written is not to slow the next one down
            runs[name].append(run(command))
    return {name: median(found) for name, found in runs.items()}


def median(runs: Sequence[Run]) -> Run:
    """Returns the median of each number."""
    columns = zip(*map(dataclasses.astuple, runs), strict=True)
    return Run(*(statistics.median(column) for column in columns))


class Memory:
    """The memory of a process and of all below it, at its largest so far."""

    def __init__(self, pid: int) -> None:
        self.peak = self.own = self.largest = 0
        self._pid = pid

    def look(self) -> None:
        """Adds up what they take at this moment."""
        found = {pid: _proportional_bytes(pid) for pid in tree(self._pid)}
        self.peak = max(self.peak, sum(found.values()))
        self.own = max(self.own, found.pop(self._pid, 0))
        self.largest = max(self.largest, *found.values(), 0)


def tree(pid: int) -> list[int]:
    """Returns a process and all below it."""
    parents = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended meanwhile
            continue
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def _proportional_bytes(pid: int) -> int:
    try:
        lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:")), 0)


def _reap() -> None:
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        return
