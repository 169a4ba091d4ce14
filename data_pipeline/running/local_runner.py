"""Beam's runner of this machine: in this process, or with worker processes that are watched."""

import concurrent.futures
import os
import shlex
import sys
import threading
from collections.abc import Callable

import grpc
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.transforms import environments

from data_pipeline.images import decoder
from data_pipeline.isolation import calls
from tfrecords import exits

POLL_SECONDS = 0.25
GRACE_SECONDS = 1.5  # for a job that ends all the same, and for a signal that came to all processes
_WORKER_THREAD = "run_worker"  # Beam's name for one that waits for a worker, and raises if it fails


class WorkerDied(exits.MachineError):
    """A worker process died. Threads of Beam still wait for its results, and always will."""


def make(processes: int, decoders: int) -> tuple[fn_runner.FnApiRunner, list[str]]:
    """Returns the runner, and the options of Beam that belong to it.

    Args:
      processes: that run the stages; of one, the stages run in this process.
      decoders: children of each that open images.
    """
    # Not by the name DirectRunner, which first looks for a binary on the internet.
    if processes == 1:
        calls.share(decoder.PROGRAM, decoders)
        return fn_runner.FnApiRunner(), []
    environment = environments.SubprocessSDKEnvironment.from_command_string(
        # Beam gives this to a shell. It would stand between the worker and its parent, and what it
        # ignores the worker does from its first moment on: the parent answers to signals.
        f"trap '' INT TERM; exec {shlex.quote(sys.executable)} "
        f"-m data_pipeline.running.worker {os.getpid()} {decoders}"
    )
    return fn_runner.FnApiRunner(environment), [f"--direct_num_workers={processes}"]


def watched(program: Callable[[], object]) -> None:
    """Runs a program whose worker processes may die, for which Beam would wait for ever.

    Raises:
      WorkerDied: one did, and the program has not come to a good end all the same.
    """
    job: concurrent.futures.Future[object] = concurrent.futures.Future()
    died = threading.Event()
    previous = threading.excepthook

    def note(failure: threading.ExceptHookArgs) -> None:
        # Some threads of Beam wait for a worker process, others read what it sends.
        if (failure.thread and failure.thread.name == _WORKER_THREAD) or isinstance(
            failure.exc_value, grpc.RpcError
        ):
            died.set()
        else:
            previous(failure)

    threading.excepthook = note
    try:
        threading.Thread(target=_complete, args=(job, program), daemon=True).start()
        while not job.done() and not died.is_set():
            concurrent.futures.wait([job], POLL_SECONDS)
        concurrent.futures.wait([job], GRACE_SECONDS)
        if died.is_set() and (not job.done() or job.exception()):
            raise WorkerDied(
                "A worker process died, perhaps for want of memory. What is done is kept: run the "
                "same command again, with fewer --num_workers if it dies again."
            )
    finally:
        threading.excepthook = previous
    job.result()


def _complete(job: concurrent.futures.Future[object], program: Callable[[], object]) -> None:
    try:
        job.set_result(program())
    except BaseException as error:
        job.set_exception(error)  # raised where it is waited for
