"""Starts the workers of this machine, for runners that ask: python -m data_pipeline.worker_pool.

It takes the place of Beam's own pool, which listens on all network interfaces and starts whatever
`python` comes first on the PATH. Its workers live and die with it.
"""

# The flags and the server.

import logging
import os
import signal
import subprocess
import sys
import threading
from typing import Any

from tfrecords import exits, usage

if __name__ == "__main__":
    exits.leave_when_interrupted()
    logging.disable()  # of Beam, about packages that it can do without

import grpc
from absl import flags
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc
from apache_beam.runners.worker import worker_pool_main
from apache_beam.utils import thread_pool_executor

FLAGS = flags.FlagValues()
flags.DEFINE_string("host", "127.0.0.1", "The address to listen on.", flag_values=FLAGS)
flags.DEFINE_integer("port", 50000, "The port to listen on.", flag_values=FLAGS)


class WorkerPool(worker_pool_main.BeamFnExternalWorkerPoolServicer):
    """Answers a runner: starts one process for each worker that it asks for."""

    def StartWorker(  # noqa: N802 - the name is the protocol's
        self, request: Any, context: Any
    ) -> Any:
        """Starts a worker process that talks to the runner's endpoints."""
        environment = os.environ | {
            "WORKER_ID": request.worker_id,
            "CONTROL_API_SERVICE_DESCRIPTOR": f'url: "{request.control_endpoint.url}"',
        }
        self._worker_processes[request.worker_id] = subprocess.Popen(
            [sys.executable, "-m", "data_pipeline.running.worker", str(os.getpid()), "1"],
            env=environment,
        )
        return beam_fn_api_pb2.StartWorkerResponse()


def serve(host: str, port: int) -> grpc.Server:
    """Starts a pool that listens on one address.

    Raises:
      MachineError: the port is taken.
    """
    server = grpc.server(
        thread_pool_executor.shared_unbounded_instance(), options=[("grpc.so_reuseport", 0)]
    )
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(
        WorkerPool(use_process=True), server
    )
    try:
        server.add_insecure_port(f"{host}:{port}")
    except RuntimeError as error:
        raise exits.MachineError(
            f"The worker pool cannot listen on {host}:{port}; another program may. "
            "Choose another --port."
        ) from error
    server.start()
    return server


def main() -> None:
    """Serves until SIGTERM or Ctrl-C."""
    logging.disable(logging.NOTSET)
    usage.parse(FLAGS, sys.argv, __doc__)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    pool = serve(FLAGS["host"].value, FLAGS["port"].value)
    stop.wait()
    pool.stop(None)


if __name__ == "__main__":
    exits.run(main, (flags.Error,))
