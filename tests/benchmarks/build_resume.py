"""A build that is killed half-way: python -m tests.benchmarks.build_resume --help.

It is killed when half of its shards are there. These must stay, and what the second command makes
must be what an undisturbed one makes.
"""

import argparse
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

from tests.benchmarks import build, photographs, side_by_side

RESULTS = pathlib.Path(__file__).parent / "build_resume.json"
WORKERS = 2
SIZE = (256, 256)


def _hashes(directory: pathlib.Path) -> dict[str, str]:
    """Returns by name the sha256 of all shards."""
    paths = directory.glob("photographs/1.0.0/*.tfrecord-*")
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def _shards(directory: pathlib.Path) -> dict[str, tuple[int, int]]:
    """Returns by name of each shard that is there its file's number and time."""
    paths = directory.glob("photographs/1.0.0*/*.tfrecord-*")
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in paths}


def _killed_at_half(command: list[str], directory: pathlib.Path, shards: int) -> int:
    """Runs a command until half of the shards are there; returns how many were begun besides."""
    process = subprocess.Popen(
        command,
        cwd=side_by_side.ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while process.poll() is None and len(_shards(directory)) < shards / 2:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return len(list(directory.glob("photographs/1.0.0*/.sidecars/.*.tfrecord-*")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--directory", type=pathlib.Path, help="keeps the images for a next time")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        source = (given.directory or pathlib.Path(temporary)) / f"square-{given.images}"
        photographs.folder(source, given.images, SIZE)
        whole, cut = pathlib.Path(temporary) / "whole", pathlib.Path(temporary) / "cut"
        undisturbed = side_by_side.run(build.build_command(source, whole, WORKERS))
        expected = _hashes(whole)
        command = build.build_command(source, cut, WORKERS)
        num_begun = _killed_at_half(command, cut, len(expected))
        before = _shards(cut)
        again = side_by_side.run(command)
        after = _shards(cut)
        found = {
            "images": given.images,
            "workers": WORKERS,
            "shards": len(expected),
            "shards_at_the_kill": len(before),
            "shards_begun_at_the_kill": num_begun,
            "shards_written_again": sum(after[name] != before[name] for name in before),
            "same_bytes": _hashes(cut) == expected,
            "cpu_seconds_undisturbed": undisturbed.cpu_seconds,
            "cpu_seconds_of_the_second_run": again.cpu_seconds,
        }
    print(json.dumps(found, indent=2))
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
