"""What the tests of the engines share: one source, its build as a command, its bytes."""

import contextlib
import hashlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from data_pipeline import pipeline
from data_pipeline.config import BuildConfig
from tests.data_pipeline import painted

ROOT = pathlib.Path(__file__).parents[2]
IMAGES = 240
RECORDS_PER_SHARD = 2
TIMEOUT_SECONDS = 300


def flags(source: pathlib.Path, data_dir: pathlib.Path) -> list[str]:
    return [
        "--dataset=tiny",
        "--layout=image_folder",
        f"--source={source}",
        f"--data_dir={data_dir}",
        f"--records_per_shard={RECORDS_PER_SHARD}",
    ]


def command(source: pathlib.Path, data_dir: pathlib.Path, options: Sequence[str]) -> list[str]:
    return [
        *(sys.executable, "-m", "data_pipeline.build"),
        *flags(source, data_dir),
        *("--", *options),
    ]


def run(
    source: pathlib.Path, data_dir: pathlib.Path, options: Sequence[str]
) -> subprocess.CompletedProcess[str]:
    """Runs the command and ends it, with all that it has started, when it takes too long."""
    with started(command(source, data_dir, options)) as process:
        output, errors = process.communicate(timeout=TIMEOUT_SECONDS)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


@contextlib.contextmanager
def started(words: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """Starts a command as the head of a process group; nothing of the group outlives the body."""
    process = subprocess.Popen(
        words,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        kill_group(process)


def kill_group(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def built_here(root: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """Paints a source and builds it in this process; returns the source and the dataset."""
    painted.folder(root / "source", count=IMAGES)
    config = BuildConfig(
        dataset="tiny",
        layout="image_folder",
        source=str(root / "source"),
        data_dir=str(root / "here"),
        records_per_shard=RECORDS_PER_SHARD,
        num_workers=1,
    )
    built = pipeline.build_dataset(config)
    assert built is not None
    return root / "source", built.directory


def bytes_of(directory: pathlib.Path) -> dict[str, str]:
    """The sha256 of all shards and of the numbers, by file name."""
    files = [*directory.glob("*.tfrecord-*"), directory / "statistics.json"]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def hidden(directory: pathlib.Path) -> list[str]:
    return sorted(path.name for path in directory.rglob(".*"))


def wait_until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.02)


def wait_for_shards(data_dir: pathlib.Path, count: int) -> None:
    pattern = "tiny/*incomplete*/*.tfrecord-*"
    wait_until(lambda: len(list(data_dir.glob(pattern))) >= count)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int) -> None:
    wait_until(lambda: _listens(port))


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
