"""The command itself, in processes of its own."""

import dataclasses
import hashlib
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from absl import flags

from data_pipeline import build
from data_pipeline.config import BuildConfig
from tests.data_pipeline import painted
from tfrecords import exits

ROOT = pathlib.Path(__file__).parents[2]


def _command(*words):
    return [sys.executable, "-m", "data_pipeline.build", *map(str, words)]


def _run(*words):
    return subprocess.run(
        _command(*words), cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )


def test_every_field_has_a_flag_with_its_default():
    for field in dataclasses.fields(BuildConfig):
        if field.name != "beam_options":
            assert build.FLAGS[field.name].default == field.default


def test_beams_options_come_after_two_dashes():
    assert build.parse_flags(["build", "--seed=1", "--", "--runner=X"]) == ["build", "--runner=X"]


def test_a_word_that_is_no_flag_is_refused():
    with pytest.raises(exits.UsageError, match="Received: faces. Beam's options come after a --"):
        build.parse_flags(["build", "faces"])


def test_a_misspelt_flag_is_refused():
    with pytest.raises(flags.Error, match="sede"):
        build.parse_flags(["build", "--sede=1"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--sede=1"], 2, "Unknown command line flag 'sede'"),
        (["--layout=image_folder", "--dataset=x", "--source=/no/such"], 3, "there is no such"),
    ],
)
def test_a_mistake_gives_one_message_and_its_exit_code(tmp_path, words, code, message):
    done = _run(*words, f"--data_dir={tmp_path}")
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def _hashes(directory):
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.glob("*.tfrecord-*")
    }


def _wait_until_alone(group):
    """Waits until no process of a group is left; communicate() returns when none can write."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError("a worker outlived its build")


@pytest.mark.slow
def test_a_killed_build_goes_on_to_the_same_bytes(tmp_path):
    painted.folder(tmp_path / "source", count=400)
    flags_of_build = [
        "--dataset=tiny",
        "--layout=image_folder",
        f"--source={tmp_path / 'source'}",
        "--records_per_shard=4",
        "--num_workers=2",
    ]
    undisturbed = _run(*flags_of_build, f"--data_dir={tmp_path / 'undisturbed'}")
    assert undisturbed.returncode == 0, undisturbed.stderr
    assert undisturbed.stderr == ""
    command = _command(*flags_of_build, f"--data_dir={tmp_path / 'killed'}")
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    _wait_for_shards(tmp_path / "killed" / "tiny", 10)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed" / "tiny" / "1.0.0").exists()
    again = _run(*flags_of_build, f"--data_dir={tmp_path / 'killed'}")
    assert again.returncode == 0, again.stderr
    assert _hashes(tmp_path / "killed" / "tiny" / "1.0.0") == _hashes(
        tmp_path / "undisturbed" / "tiny" / "1.0.0"
    )


@pytest.mark.slow
@pytest.mark.parametrize(("num_workers", "number"), [(1, signal.SIGTERM), (2, signal.SIGINT)])
def test_an_interrupted_build_says_how_to_go_on(tmp_path, num_workers, number):
    painted.folder(tmp_path / "source", count=400)
    command = _command(
        "--dataset=tiny",
        "--layout=image_folder",
        f"--source={tmp_path / 'source'}",
        f"--data_dir={tmp_path / 'data'}",
        "--records_per_shard=2",
        f"--num_workers={num_workers}",
    )
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    _wait_for_shards(tmp_path / "data" / "tiny", 3)
    os.killpg(process.pid, number)  # as a terminal does: the workers get it too
    _, stderr = process.communicate(timeout=60)
    _wait_until_alone(process.pid)
    assert process.returncode == 75
    assert stderr.decode() == (
        "\nInterrupted; what is done is kept. Run the same command again to go on.\n"
    )


def _wait_for_shards(parent, count):
    for _ in range(1200):
        if len(list(parent.glob("*incomplete*/*.tfrecord-*"))) >= count:
            return
        time.sleep(0.05)
    raise AssertionError(f"{parent} never held {count} shards")
