"""The command itself, in processes of its own."""

import dataclasses
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest

from data_pipeline import build, pipeline
from data_pipeline.config import BuildConfig
from data_pipeline.running import stages
from tests import interrupted_import
from tests.data_pipeline import contents, painted
from tfrecords import exits

INTERRUPTION = "Interrupted; what is done is kept. Run the same command again to go on.\n"
ROOT = pathlib.Path(__file__).parents[2]
SEVERAL = stages.DECODERS_PER_PROCESS + 1  # workers that take two processes


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
    assert build.parse_flags(["build", "--seed=1", "--", "--streaming"]) == ["build", "--streaming"]


def test_a_word_that_is_no_flag_is_refused():
    with pytest.raises(exits.UsageError, match="Received: faces. Beam's options come after a --"):
        build.parse_flags(["build", "faces"])


def test_a_misspelt_flag_is_refused():
    with pytest.raises(exits.UsageError, match="There is no flag --sede. Did you mean --seed?"):
        build.parse_flags(["build", "--sede=1"])


def test_a_misspelt_option_of_beam_is_refused():
    with pytest.raises(exits.UsageError, match="--flink_maste=x. Did you mean --flink_master?"):
        build.parse_flags(["build", "--", "--flink_maste=x"])


@pytest.mark.parametrize("word", ["--help", "--helpfull"])
def test_help_goes_to_standard_output_and_is_no_error(word, capsys):
    with pytest.raises(SystemExit) as leaving:
        build.parse_flags(["build", "--seed=1", word])
    assert leaving.value.code == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("Builds a dataset of TFRecords")
    assert "\n  --records_per_shard=1024   Records per shard at most.\n" in shown.out
    assert shown.err == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--sede=1"], 2, "There is no flag --sede. Did you mean --seed?"),
        (["--runner=FlinkRunner"], 2, "There is no flag --runner. Beam's options come after a --"),
        (["--", "--flink_maste=x"], 2, "Did you mean --flink_master?"),
        (["--layout=image_folder", "--dataset=x", "--source=/no/such"], 3, "there is no such"),
    ],
)
def test_a_mistake_gives_one_message_and_its_exit_code(tmp_path, words, code, message):
    done = _run(f"--data_dir={tmp_path}", *words)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def _finished(root, data_dir):
    """Goes on with a build in this process; returns the hashes of its shards."""
    config = BuildConfig(
        dataset="tiny",
        layout="image_folder",
        source=str(root / "source"),
        data_dir=str(data_dir),
        records_per_shard=4,
        num_workers=1,
    )
    return contents.hashes(pipeline.build_dataset(config).directory)


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


def _flags(root, *, num_workers=SEVERAL):
    return [
        "--dataset=tiny",
        "--layout=image_folder",
        f"--source={root / 'source'}",
        "--records_per_shard=4",
        f"--num_workers={num_workers}",
    ]


def _start(*words):
    """Starts a command at the head of a group of its own, as a terminal does."""
    return subprocess.Popen(
        _command(*words),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The directory of a source, and what two worker processes make of it."""
    root = tmp_path_factory.mktemp("undisturbed")
    painted.folder(root / "source", count=400)
    done = _run(*_flags(root), f"--data_dir={root / 'data'}")
    assert (done.returncode, done.stderr) == (0, "")
    return root, contents.hashes(root / "data" / "tiny" / "1.0.0")


@pytest.mark.slow
def test_a_killed_build_goes_on_to_the_same_bytes(tmp_path, undisturbed):
    root, hashes = undisturbed
    words = [*_flags(root), f"--data_dir={tmp_path}"]
    process = _start(*words)
    _wait_for_shards(tmp_path / "tiny", 10)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "tiny" / "1.0.0").exists()
    again = _run(*words)
    assert again.returncode == 0, again.stderr
    assert contents.hashes(tmp_path / "tiny" / "1.0.0") == hashes


@pytest.mark.slow
def test_a_worker_that_is_killed_ends_the_build_with_one_message(tmp_path, undisturbed):
    root, hashes = undisturbed
    words = [*_flags(root), f"--data_dir={tmp_path}"]
    process = _start(*words)
    _wait_for_shards(tmp_path / "tiny", 10)
    os.kill(_workers(process.pid)[0], signal.SIGKILL)
    _, stderr = process.communicate(timeout=60)
    _wait_until_alone(process.pid)
    assert process.returncode == 4
    assert stderr == (
        "A worker process died, perhaps for want of memory. What is done is kept: run the same "
        "command again, with fewer --num_workers if it dies again.\n"
    )
    assert _finished(root, tmp_path) == hashes


@pytest.mark.slow
def test_a_worker_leaves_signals_to_the_build(tmp_path, undisturbed):
    root, hashes = undisturbed
    process = _start(*_flags(root), f"--data_dir={tmp_path}")
    _wait_for_shards(tmp_path / "tiny", 3)
    for worker in _workers(process.pid):
        os.kill(worker, signal.SIGINT)
        os.kill(worker, signal.SIGTERM)
    _, stderr = process.communicate(timeout=120)
    assert (process.returncode, stderr) == (0, "")
    assert contents.hashes(tmp_path / "tiny" / "1.0.0") == hashes


def _workers(parent):
    listed = subprocess.run(["ps", "-Ao", "pid,ppid,args"], capture_output=True, text=True)
    rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()[1:]]
    return [int(pid) for pid, ppid, args in rows if int(ppid) == parent and "worker" in args]


@pytest.mark.slow
@pytest.mark.parametrize(("num_workers", "number"), [(1, signal.SIGTERM), (SEVERAL, signal.SIGINT)])
def test_an_interrupted_build_says_how_to_go_on(tmp_path, undisturbed, num_workers, number):
    words = [*_flags(undisturbed[0], num_workers=num_workers), f"--data_dir={tmp_path}"]
    process = _start(*words)
    _wait_for_shards(tmp_path / "tiny", 3)
    os.killpg(process.pid, number)  # as a terminal does: the workers get it too
    _, stderr = process.communicate(timeout=60)
    _wait_until_alone(process.pid)
    assert (process.returncode, stderr) == (75, INTERRUPTION)


@pytest.mark.slow
def test_a_build_that_is_interrupted_again_and_again_gives_the_same_bytes(tmp_path, undisturbed):
    root, hashes = undisturbed
    words = [*_flags(root), f"--data_dir={tmp_path}"]
    # While it imports, lists, scans, starts its workers, and writes its first shards.
    generator = random.Random(20)
    moments = sorted(generator.uniform(0, 2) for _ in range(6))  # seconds
    for moment, send in zip(moments, [os.kill, os.killpg] * 3, strict=True):
        process = _start(*words)
        _wait_until_it_listens(process.pid)
        time.sleep(moment)
        send(process.pid, signal.SIGTERM)
        _, stderr = process.communicate(timeout=60)
        _wait_until_alone(process.pid)
        assert (process.returncode, stderr) == (75, INTERRUPTION)
    assert _finished(root, tmp_path) == hashes


def _wait_until_it_listens(pid):
    """Waits until a process has a handler for SIGTERM, which is soon after its start."""
    bit = 1 << (signal.SIGTERM - 1)
    while True:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
        if int(caught.split()[1], 16) & bit:
            return
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_beam_is_imported_ends_with_a_word(tmp_path, number):
    done = interrupted_import.run("data_pipeline.build", "apache_beam", number, tmp_path)
    assert (done.returncode, done.stderr) == (75, INTERRUPTION)


def _wait_for_shards(parent, count):
    for _ in range(1200):
        if len(list(parent.glob("*incomplete*/*.tfrecord-*"))) >= count:
            return
        time.sleep(0.05)
    raise AssertionError(f"{parent} never held {count} shards")
