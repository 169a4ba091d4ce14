import contextlib
import dataclasses
import socket
import threading

import pytest

from tfrecords import exits
from trainer.workers import cluster as clusters
from trainer.workers import meeting


@pytest.fixture(autouse=True)
def impatience(monkeypatch):
    monkeypatch.setattr(meeting, "_LOOK_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(meeting, "LIMIT_SECONDS", 60.0)  # of a test that fails


def _cluster(count):
    """Returns the cluster as each of some workers sees it, at ports that are free."""
    with contextlib.ExitStack() as closing:
        sockets = [
            closing.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        addresses = tuple(f"127.0.0.1:{each.getsockname()[1]}" for each in sockets)
    return [clusters.Cluster(addresses, index) for index in range(count)]


def _start(cluster, told=None, **options):
    """Starts a worker; returns its thread, and what becomes of it: "met", or an exception."""
    outcome = []

    def work():
        try:
            meeting.Meeting(cluster, told, **options).wait_for_all()
            outcome.append("met")
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread, outcome


def _end(*started):
    for thread, _ in started:
        thread.join(timeout=60)
    return [outcome[0] for _, outcome in started]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_all_go_on_when_all_are_there(order):
    workers = _cluster(3)
    assert _end(*(_start(workers[index]) for index in order)) == ["met"] * 3


def test_one_alone_waits_for_nobody():
    assert _end(_start(*_cluster(1))) == ["met"]


def test_nobody_goes_on_before(capsys):
    chief, second, _ = _cluster(3)
    seen = threading.Semaphore(0)
    stopped = threading.Event()

    def look():
        seen.release()
        if stopped.is_set():
            raise exits.Interrupted("a signal")

    started = [_start(chief, check=look), _start(second, check=look)]
    for _ in range(40):
        seen.acquire(timeout=60)
    assert [outcome for _, outcome in started] == [[], []]
    stopped.set()
    assert [str(error) for error in _end(*started)] == ["a signal", "a signal"]


def test_who_does_not_come_is_named_by_all_who_wait(monkeypatch, capsys):
    monkeypatch.setattr(meeting, "LIMIT_SECONDS", 0.6)
    monkeypatch.setattr(meeting, "SAID_EVERY_SECONDS", 0.2)
    chief, second, third = _cluster(3)
    ended = []
    started = [_start(each, on_end=lambda: ended.append(1)) for each in (chief, second)]
    for index, error in enumerate(_end(*started)):
        assert type(error) is exits.Interrupted
        assert str(error) == (
            f"Worker {index} has waited 0.01 minutes in vain for worker 2 at {third.addresses[2]}."
            " Start all workers at about the same time, at the addresses of "
            "TF_CONFIG: run the same command again on each."
        )
    assert ended == [1, 1]
    said = capsys.readouterr().out
    assert "Worker 1 of 3 is here, and waits for the others.\n" in said
    assert f"Waiting for worker 2 at {third.addresses[2]}: " in said


def test_a_chief_that_is_not_there_is_named_with_the_reason(monkeypatch):
    monkeypatch.setattr(meeting, "LIMIT_SECONDS", 0.3)
    monkeypatch.setattr(meeting, "_LONGER_SECONDS", 0.0)
    _, second = _cluster(2)
    (error,) = _end(_start(second))
    assert f"in vain for worker 0 at {second.addresses[0]} (connection refused). Start" in str(
        error
    )


def test_who_left_and_comes_again_is_let_in(monkeypatch):
    chief, second, third = _cluster(3)

    def leave():
        raise exits.Interrupted("a signal")

    chief_started = _start(chief)
    _end(_start(second, check=leave))
    assert _end(chief_started, _start(second), _start(third)) == ["met"] * 3


def test_another_program_at_the_own_address_is_said():
    worker, _ = _cluster(2)
    port = int(worker.addresses[0].rpartition(":")[2])
    with socket.create_server(("", port)):
        (error,) = _end(_start(worker))
    assert type(error) is exits.MachineError
    assert str(error) == (
        f"Worker 0 cannot listen at {worker.addresses[0]}, its address in TF_CONFIG: Address "
        "already in use. End the program that does, or choose another port on all workers."
    )


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", b"7\n", b"{}\n", b""])
def test_who_is_no_worker_is_not_taken_for_one(said):
    chief, second = _cluster(2)
    started = _start(chief)
    host, port = chief.addresses[0].split(":")
    while True:
        with (
            contextlib.suppress(ConnectionRefusedError),
            socket.create_connection((host, int(port))) as stranger,
        ):
            stranger.sendall(said)
            break
    assert _end(started, _start(second)) == ["met"] * 2


def test_who_knows_of_other_workers_is_sent_away(capsys):
    chief, second = _cluster(2)
    other = dataclasses.replace(second, addresses=(*second.addresses, "c:1"))
    started = _start(chief)
    (error,) = _end(_start(other))
    assert type(error) is exits.UsageError
    assert str(error) == (
        "Worker 0 does not want worker 1: its TF_CONFIG names other workers than that of worker 0. "
        "Flags and dataset must be the same for all workers, and TF_CONFIG but for the index."
    )
    assert _end(started, _start(second)) == ["met"] * 2
    assert "Worker 1 was sent away: its TF_CONFIG names other workers" in capsys.readouterr().out


def test_who_was_told_something_else_is_sent_away():
    chief, second = _cluster(2)
    started = _start(chief, {"epochs": 2, "seed": None})
    (error,) = _end(_start(second, {"epochs": 3, "seed": None}))
    assert str(error).startswith(
        "Worker 0 does not want worker 1: it was told something else than worker 0: epochs 3 and "
        "not 2. Flags and dataset"
    )
    assert _end(started, _start(second, {"epochs": 2, "seed": None})) == ["met"] * 2


def test_a_second_process_in_the_place_of_a_worker_is_sent_away(capsys):
    chief, second, third = _cluster(3)
    started = [_start(chief), _start(second), _start(second)]
    while "sent away" not in capsys.readouterr().out:
        pass
    outcomes = _end(*started, _start(third))
    (error,) = (outcome for outcome in outcomes if outcome != "met")
    assert "Worker 0 does not want worker 1: another process is worker 1 already." in str(error)
