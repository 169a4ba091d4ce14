"""The job server of a portable runner: is it there, and does it stay?"""

import contextlib
import threading
from collections.abc import Iterator

import grpc

from tfrecords import exits

ANSWER_SECONDS = 10.0
_EMBEDDED = "embed"  # stands for a job server in this process


@contextlib.contextmanager
def reached(endpoint: str | None) -> Iterator[None]:
    """Waits for the job server at `endpoint`, if one is named, and says so if it is lost.

    Raises:
      MachineError: it does not answer, or has ended while the body ran.
    """
    if endpoint and endpoint != _EMBEDDED:
        _wait_for(endpoint)
    try:
        with _hanging_up_quietly():
            yield
    except grpc.RpcError as error:
        if not isinstance(error, grpc.Call) or error.code() != grpc.StatusCode.UNAVAILABLE:
            raise
        raise exits.MachineError(
            f"The job server{f' at {endpoint}' if endpoint else ''} has ended, or cannot be "
            "reached any more. What is done is kept: start it, and run the same command again."
        ) from error


@contextlib.contextmanager
def _hanging_up_quietly() -> Iterator[None]:
    """Lets threads that worked for the job server in this process end without a traceback."""
    previous = threading.excepthook

    def note(failure: threading.ExceptHookArgs) -> None:
        if not isinstance(failure.exc_value, grpc.RpcError):
            previous(failure)

    threading.excepthook = note
    try:
        yield
    finally:
        threading.excepthook = previous


def _wait_for(endpoint: str) -> None:
    with grpc.insecure_channel(endpoint) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=ANSWER_SECONDS)
        except grpc.FutureTimeoutError:
            port = endpoint.rpartition(":")[2]
            raise exits.MachineError(
                f"No job server answers at --job_endpoint={endpoint}. Start one there, such as "
                f"python -m apache_beam.runners.portability.local_job_service_main --port {port}; "
                "or leave out --runner to build on this machine alone."
            ) from None
