import socket

import pytest

from data_pipeline import worker_pool
from tfrecords import exits


def test_a_pool_listens_on_its_address_alone():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = worker_pool.serve("127.0.0.1", port)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.2", port), timeout=5)
    finally:
        server.stop(None)


def test_a_taken_port_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(exits.MachineError, match=rf"cannot listen on 127\.0\.0\.1:{port}"):
            worker_pool.serve("127.0.0.1", port)
