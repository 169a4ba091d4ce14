import contextlib
import dataclasses
import socket
import threading

import pytest

from tfrecords import exits
from trainer.workers import chief as chiefs
from trainer.workers import cluster as clusters
from trainer.workers import meeting, waiting


@pytest.fixture(autouse=True)
def impatience(monkeypatch):
    monkeypatch.setattr(waiting, "LOOK_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(waiting, "LIMIT_SECONDS", 60.0)  # of a test that fails


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
    for error in _end(*started):
        assert type(error) is exits.Interrupted
        assert str(error).endswith("a signal")


def test_who_does_not_come_is_named_by_all_who_wait(monkeypatch, capsys):
    monkeypatch.setattr(waiting, "LIMIT_SECONDS", 0.6)
    monkeypatch.setattr(waiting, "SAID_EVERY_SECONDS", 0.2)
    chief, second, third = _cluster(3)
    ended = []
    started = [_start(each, on_end=lambda: ended.append(1)) for each in (chief, second)]
    for error in _end(*started):
        assert type(error) is exits.Interrupted
        assert str(error) == (
            f"Worker 0 has waited 0.01 minutes in vain for worker 2 at {third.addresses[2]}."
            " Start all workers at about the same time, at the addresses of "
            "TF_CONFIG: run the same command again on each."
        )
    assert ended == [1, 1]
    said = capsys.readouterr().out
    assert "Worker 1 of 3 is here, and waits for the others.\n" in said
    assert f"Waiting for worker 2 at {third.addresses[2]}: " in said


def test_a_chief_that_is_not_there_is_named_with_the_reason(monkeypatch):
    monkeypatch.setattr(waiting, "LIMIT_SECONDS", 0.3)
    monkeypatch.setattr(waiting, "LONGER_SECONDS", 0.0)
    _, second = _cluster(2)
    (error,) = _end(_start(second))
    assert f"in vain for worker 0 at {second.addresses[0]} (connection refused). Start" in str(
        error
    )


LEAVING = exits.Interrupted("a signal")


@pytest.fixture
def is_known(monkeypatch):
    """Set when the chief knows of all others but one."""
    event, tell = threading.Event(), chiefs.Chief._tell

    def note(self, **words):
        tell(self, **words)
        if len(words.get("missing", ())) == 1:
            event.set()

    monkeypatch.setattr(chiefs.Chief, "_tell", note)
    return event


@pytest.mark.parametrize("leaving", [0, 1, 2])
def test_who_leaves_is_named_to_the_others_with_the_reason(leaving, is_known, monkeypatch):
    monkeypatch.setattr(waiting, "TELLING_SECONDS", 0.0)  # to the one who does not come
    workers = _cluster(4)  # of which the last does not come
    others = [worker for worker in workers[:3] if worker.index != leaving]
    ended = []

    def leave():
        if is_known.is_set():
            raise LEAVING

    started = [_start(workers[leaving], check=leave)]
    started += [_start(each, on_end=lambda: ended.append(1)) for each in others]
    own, *of_others = _end(*started)
    assert own is LEAVING
    for error in of_others:
        assert type(error) is exits.Interrupted
        assert str(error) == (
            f"Training cannot start without worker {leaving} at "
            f"{workers[leaving].addresses[leaving]}, which has left: a signal"
        )
    assert ended == []


def test_who_leaves_before_it_has_met_the_chief_tells_it_if_it_is_there_now():
    chief, second = _cluster(2)
    started, listens = [], threading.Event()

    def leave():
        if not started:
            started.append(_start(chief, check=listens.set))
            listens.wait(timeout=60)
        raise LEAVING

    with pytest.raises(exits.Interrupted, match="^a signal$"):
        meeting.Meeting(second, check=leave).wait_for_all()
    assert str(_end(*started)[0]).endswith(
        "worker 1 at " + second.addresses[1] + ", which has left: a signal"
    )


@pytest.mark.parametrize("lost", [0, 1])
def test_who_is_lost_is_named_to_the_others(lost, is_known):
    workers = _cluster(3)  # of which the last does not come
    other = workers[1 - lost]
    ended = []

    class Killed(BaseException):
        pass

    def die():
        if is_known.is_set():
            raise Killed

    def work():
        with contextlib.suppress(Killed):
            meeting.Meeting(workers[lost], check=die).wait_for_all()

    threading.Thread(target=work, daemon=True).start()
    (error,) = _end(_start(other, on_end=lambda: ended.append(1)))
    assert type(error) is exits.Interrupted
    assert str(error) == (
        f"Training cannot start without worker {lost} at {workers[lost].addresses[lost]}, which "
        "was lost while the workers waited for each other. Run the same command again on each of "
        "them."
    )
    assert ended == [1]


@pytest.mark.parametrize("failing", [0, 1])
@pytest.mark.parametrize("kind", [exits.UsageError, exits.DataError, exits.MachineError])
def test_the_error_of_who_cannot_take_part_is_that_of_all(failing, kind, capsys):
    workers = _cluster(3)
    thread = threading.Thread(
        target=meeting.Meeting(workers[failing]).call_off, args=(kind("no dataset"),)
    )
    thread.start()
    others = [worker for worker in workers if worker.index != failing]
    for error in _end(*map(_start, others)):
        assert type(error) is kind
        assert str(error) == (
            f"Training cannot start without worker {failing} at "
            f"{workers[failing].addresses[failing]}, which has left: no dataset"
        )
    thread.join(timeout=60)
    assert not thread.is_alive()
    assert (
        f"Worker {failing} of 3 cannot take part, and tells the others" in capsys.readouterr().out
    )


@pytest.mark.parametrize("failing", [0, 1])
def test_who_cannot_take_part_waits_for_the_others_no_longer_than_some_seconds(
    failing, monkeypatch
):
    monkeypatch.setattr(waiting, "TELLING_SECONDS", 0.1)
    meeting.Meeting(_cluster(2)[failing]).call_off(exits.DataError("no dataset"))


@pytest.mark.parametrize("index", [0, 1])
def test_another_program_at_the_own_address_is_said_to_all(index, monkeypatch):
    monkeypatch.setattr(waiting, "LIMIT_SECONDS", 1.0)  # the chief cannot be heard
    monkeypatch.setattr(waiting, "LONGER_SECONDS", 0.0)
    workers = _cluster(2)
    port = int(workers[index].addresses[index].rpartition(":")[2])
    with socket.create_server(("", port)):
        error, of_other = _end(_start(workers[index]), _start(workers[1 - index]))
    assert type(error) is exits.MachineError
    assert str(error) == (
        f"Worker {index} cannot listen at {workers[index].addresses[index]}, its address in "
        "TF_CONFIG: Address already in use. End the program that does, or choose another port on "
        "all workers."
    )
    if index:
        assert type(of_other) is exits.MachineError
        assert str(of_other).endswith(f"which has left: {error}")


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
        "TF_CONFIG must be the same for all workers, but for the index."
    )
    assert _end(started, _start(second)) == ["met"] * 2
    assert "Worker 1 was sent away: its TF_CONFIG names other workers" in capsys.readouterr().out


def test_who_was_told_something_else_ends_the_wait_of_all():
    chief, second, third = _cluster(3)
    started = [_start(each, {"epochs": 2, "seed": None}) for each in (chief, third)]
    for error in _end(*started, _start(second, {"epochs": 3, "seed": None})):
        assert type(error) is exits.UsageError
        assert str(error) == (
            f"Worker 0 and worker 1 at {second.addresses[1]} were told different things: epochs 2 "
            "and 3. Flags, dataset and the number of GPUs must be the same for all workers; "
            "--devices chooses among the GPUs of a machine."
        )


def test_a_second_process_in_the_place_of_a_worker_is_sent_away(is_known):
    chief, second, third = _cluster(3)
    started = [_start(chief), _start(second)]
    assert is_known.wait(timeout=60)
    (error,) = _end(_start(second))
    assert "Worker 0 does not want worker 1: another process is worker 1 already." in str(error)
    assert _end(*started, _start(third)) == ["met"] * 3
