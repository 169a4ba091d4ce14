import socket

import grpc
import pytest

from data_pipeline.running import job_server, stages
from tfrecords import exits


@pytest.fixture
def free_port():
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return listener.getsockname()[1]


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(job_server, "ANSWER_SECONDS", 0.2)


def test_a_job_server_that_does_not_answer_is_named_with_how_to_start_one(free_port, quick):
    endpoint = f"localhost:{free_port}"
    message = (
        f"job_endpoint={endpoint}. Start one there, .*local_job_service_main --port {free_port}"
    )
    with pytest.raises(exits.MachineError, match=message):
        stages.run(
            "ScanFiles",
            stages.ScanFiles(),
            [],
            1,
            beam_options=["--runner=PortableRunner", f"--job_endpoint={endpoint}"],
        )


@pytest.mark.parametrize("endpoint", [None, "embed"])
def test_where_no_job_server_is_named_none_is_waited_for(endpoint):
    with job_server.reached(endpoint):
        pass


def test_a_job_server_that_ends_meanwhile_is_named(free_port):
    with (
        grpc.insecure_channel(f"localhost:{free_port}") as channel,
        pytest.raises(exits.MachineError, match="The job server has ended, .* is kept: start it"),
        job_server.reached(None),
    ):
        channel.unary_unary("/anything")(b"")


def test_another_failure_of_the_job_server_is_not_explained_away():
    with pytest.raises(grpc.RpcError), job_server.reached(None):
        raise grpc.RpcError
