"""The same bytes and the same numbers from Beam's own runners."""

import contextlib
import sys

import pytest

from tests.data_pipeline import engines

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return engines.built_here(tmp_path_factory.mktemp("engines"))


def test_worker_processes_of_the_local_runner_give_the_same_bytes(here, tmp_path):
    source, expected = here
    options = ["--runner=FnApiRunner", "--direct_num_workers=2"]
    done = engines.run(source, tmp_path, [*options, "--direct_running_mode=multi_processing"])
    assert done.returncode == 0, done.stderr
    assert engines.bytes_of(tmp_path / "tiny" / "1.0.0") == engines.bytes_of(expected)


def test_workers_of_other_processes_over_grpc_give_the_same_bytes(here, tmp_path):
    source, expected = here
    job_port, pool_port = engines.free_port(), engines.free_port()
    servers = (
        ["apache_beam.runners.portability.local_job_service_main", f"--port={job_port}"],
        ["data_pipeline.worker_pool", f"--port={pool_port}"],
    )
    with contextlib.ExitStack() as stack:
        for words in servers:
            stack.enter_context(engines.started([sys.executable, "-m", *words]))
        for port in (job_port, pool_port):
            engines.wait_for_port(port)
        options = [
            "--runner=PortableRunner",
            f"--job_endpoint=127.0.0.1:{job_port}",
            "--environment_type=EXTERNAL",
            f"--environment_config=127.0.0.1:{pool_port}",
        ]
        done = engines.run(source, tmp_path, options)
    assert done.returncode == 0, done.stderr
    assert engines.bytes_of(tmp_path / "tiny" / "1.0.0") == engines.bytes_of(expected)
    assert engines.hidden(tmp_path / "tiny" / "1.0.0") == []
