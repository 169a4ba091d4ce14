"""Flink on this machine: embedded, and a cluster that loses what it can lose."""

import dataclasses
import os
import signal
import socket
import subprocess
import sys

import pytest

from launch.flink import build, cluster, fetch
from tests.data_pipeline import engines
from tfrecords import exits

FLINK = dataclasses.replace(fetch.FLINK, directory=engines.ROOT / fetch.FLINK.directory)

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module", autouse=True)
def _needs_flink():
    try:
        cluster.find_java()
    except exits.MachineError as error:
        pytest.skip(str(error))
    if FLINK.missing():
        pytest.skip("needs Flink: python -m launch.flink.fetch")


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return engines.built_here(tmp_path_factory.mktemp("engines"))


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    path = tmp_path_factory.mktemp("cluster")
    # Ends the cluster also when the tests are killed, which leaves no time for it.
    guard = (
        "import os, pathlib, time; from launch.flink import cluster\n"
        f"while os.getppid() == {os.getpid()}: time.sleep(0.5)\n"
        f"cluster.stop(pathlib.Path({str(path)!r}))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", guard], cwd=engines.ROOT, start_new_session=True
    ) as guardian:
        try:
            cluster.start(path, FLINK)
            yield path
        finally:
            cluster.stop(path)
            guardian.kill()


@pytest.fixture
def options(directory):
    return build.options(cluster.ports_of(directory))


def _assert_same(data_dir, expected):
    assert engines.bytes_of(data_dir / "tiny" / "1.0.0") == engines.bytes_of(expected)
    assert engines.hidden(data_dir / "tiny" / "1.0.0") == []


def test_flink_embedded_gives_the_same_bytes(here, tmp_path):
    source, expected = here
    done = engines.run(
        source,
        tmp_path,
        [
            "--runner=FlinkRunner",
            "--flink_master=[local]",
            f"--flink_job_server_jar={FLINK.job_server}",
        ],
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    _assert_same(tmp_path, expected)


def test_a_job_server_ends_with_the_build_that_was_killed(here, tmp_path):
    source, _ = here
    words = engines.command(
        source,
        tmp_path,
        [
            "--runner=FlinkRunner",
            "--flink_master=[local]",
            f"--flink_job_server_jar={FLINK.job_server}",
        ],
    )
    with engines.started(words) as process:
        engines.wait_until(lambda: _job_servers(process.pid))
        process.kill()
        engines.wait_until(lambda: not _job_servers(process.pid))


def _job_servers(group):
    shown = subprocess.run(["ps", "-eo", "pgid=,args="], capture_output=True, text=True, check=True)
    lines = (line.split(maxsplit=1) for line in shown.stdout.splitlines())
    return [words for words in lines if words[0] == str(group) and words[1].startswith("java -jar")]


def test_a_killed_build_goes_on_beside_the_job_that_it_left(here, tmp_path, options):
    source, expected = here
    with engines.started(engines.command(source, tmp_path, options)) as process:
        engines.wait_for_shards(tmp_path, 2)
        process.kill()
    done = engines.run(source, tmp_path, options)
    assert done.returncode == 0, done.stderr
    _assert_same(tmp_path, expected)


def test_a_build_goes_on_when_a_task_manager_is_killed(here, tmp_path, directory, options):
    source, expected = here
    with engines.started(engines.command(source, tmp_path, options)) as process:
        engines.wait_for_shards(tmp_path, 2)
        os.kill(cluster.running(directory)["taskmanager-1"], signal.SIGKILL)
        _, errors = process.communicate(timeout=engines.TIMEOUT_SECONDS)
    assert process.returncode == 0, errors
    assert "taskmanager-1" not in cluster.running(directory)
    _assert_same(tmp_path, expected)


def test_a_cluster_is_started_once(directory):
    with pytest.raises(exits.UsageError, match="A cluster runs already: job_server, jobmanager"):
        cluster.start(directory, FLINK)


def test_stopping_ends_what_was_started_and_nothing_else(tmp_path):
    other = f"{os.getpid()} another command"
    (tmp_path / "jobmanager.pid").write_text(other, encoding="utf-8")
    assert cluster.stop(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_build_without_a_cluster_says_how_to_start_one(tmp_path):
    with pytest.raises(exits.MachineError, match=r"python -m launch\.flink\.start"):
        cluster.ports_of(tmp_path)


def test_a_taken_port_is_named_and_another_is_used(capsys):
    with socket.socket() as taken:
        taken.bind((cluster.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert cluster.free_port(port) != port
    assert capsys.readouterr().out == f"Port {port} is taken; another is used instead.\n"
