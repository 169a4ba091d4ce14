import threading

import grpc
import pytest

from data_pipeline.running import local_runner


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(local_runner, "GRACE_SECONDS", 0.05)


def _fail(error, name="any"):
    """Lets a thread fail, as those of Beam do, and waits for it."""

    def work():
        raise error

    thread = threading.Thread(target=work, name=name)
    thread.start()
    thread.join()


@pytest.mark.parametrize(
    ("error", "name"),
    [(RuntimeError("exited with return code -9"), "run_worker"), (grpc.RpcError(), "any")],
)
def test_a_dead_worker_ends_the_wait_for_its_results(error, name):
    never = threading.Event()

    def program():
        _fail(error, name)
        never.wait()

    with pytest.raises(local_runner.WorkerDied, match="with fewer --num_workers"):
        local_runner.watched(program)
    never.set()


def test_an_error_that_a_dead_worker_leads_to_is_explained_by_it():
    def program():
        _fail(RuntimeError("exited with return code -9"), "run_worker")
        raise ValueError("no results")

    with pytest.raises(local_runner.WorkerDied):
        local_runner.watched(program)


def test_a_worker_that_fails_after_its_work_is_no_alarm():
    done = []

    def program():
        _fail(RuntimeError("exited with return code 1"), "run_worker")
        done.append(True)

    local_runner.watched(program)
    assert done


def test_errors_of_the_program_are_raised():
    with pytest.raises(ZeroDivisionError):
        local_runner.watched(lambda: 1 / 0)


def test_other_threads_complain_as_ever(monkeypatch):
    complaints = []
    monkeypatch.setattr(threading, "excepthook", lambda failure: complaints.append(failure))
    hook = threading.excepthook
    local_runner.watched(lambda: _fail(KeyError("x")))
    assert [failure.exc_type for failure in complaints] == [KeyError]
    assert threading.excepthook is hook
