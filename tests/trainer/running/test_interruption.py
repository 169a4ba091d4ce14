import os
import pathlib
import select
import signal
import subprocess
import sys

import pytest

from tfrecords import exits
from trainer.running import interruption

ROOT = pathlib.Path(__file__).parents[3]
SIGNALS = [signal.SIGTERM, signal.SIGINT]


def test_without_a_signal_nothing_happens():
    with interruption.Interruption() as stop:
        assert not stop.look()


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_noted_and_obeyed_at_the_next_check(number, capsys):
    with interruption.Interruption() as stop:
        os.kill(os.getpid(), number)
        assert stop.look()
        with pytest.raises(exits.Interrupted, match="everything is saved. Run the same command"):
            stop.leave()
    assert capsys.readouterr().out == (
        f"{number.name}: saving after this step. A second signal ends at once.\n"
    )


def test_other_signals_are_left_to_others():
    received = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: received.append(number))
    try:
        with interruption.Interruption() as stop:
            os.kill(os.getpid(), signal.SIGUSR1)
            assert not stop.look()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert received == [signal.SIGUSR1]


def test_leaving_puts_the_handlers_back_also_after_an_exception():
    before = [signal.getsignal(number) for number in SIGNALS]
    with pytest.raises(ZeroDivisionError), interruption.Interruption():
        assert [signal.getsignal(number) for number in SIGNALS] != before
        raise ZeroDivisionError
    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert signal.set_wakeup_fd(-1) == -1


def test_the_end_of_the_time_given_is_obeyed_as_a_signal_is(monkeypatch, capsys):
    monkeypatch.setattr(interruption, "NEARLY_OVER", 0)
    with interruption.Interruption(max_minutes=0) as stop:
        for _ in range(1000):
            if stop.look():
                break
            select.select([], [], [], 0.01)
        assert stop.look()
    assert capsys.readouterr().out == (
        "--max_minutes=0 is nearly over: saving after this step. A second signal ends at once.\n"
    )


def test_signals_that_another_has_taken_are_taken_again():
    with interruption.Interruption() as stop:
        with stop.held_back():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.look()
    assert signal.getsignal(signal.SIGTERM) not in (signal.SIG_IGN, stop._note)


# As a training begins: a library starts threads, and TensorFlow takes the signal from Python.
_HELD_BACK = """
import ctypes, os, signal, threading, time
from trainer import signals
from trainer.running import interruption
with signals.kept_from_new_threads():
    threading.Thread(target=threading.Event().wait, daemon=True).start()
with interruption.Interruption() as stop:
    with stop.held_back():
        libc = ctypes.CDLL(None)
        libc.signal(signal.SIGTERM, libc.abs)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.2)  # in which another thread would take it
        assert not stop.requested
    assert stop.look()
"""


def test_a_signal_that_comes_while_another_has_taken_it_is_not_lost():
    done = subprocess.run(
        [sys.executable, "-c", _HELD_BACK], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "SIGTERM: saving after this step. A second signal ends at once.\n"


# Locking a mutex twice keeps the main thread in native code for ever: no handler of Python's runs.
_PROGRAM = """
import ctypes, os, signal, sys, threading
from trainer.running import interruption

interruption.GRACE_SECONDS = float(sys.argv[1])
native, mutex = ctypes.CDLL(None), (ctypes.c_char * 64)()
native.pthread_mutex_init(mutex, None)
native.pthread_mutex_lock(mutex)

def stick():
    for seconds in map(float, sys.argv[2:]):
        threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGTERM)).start()
    native.pthread_mutex_lock(mutex)

with interruption.Interruption() as stop:
"""


def _run(body, *arguments):
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM + body, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.slow
def test_a_main_thread_that_waits_for_ever_is_saved_for():
    done = _run("    with stop.at_rest(lambda: print('saved')): stick()", 0.1, 0.1)
    assert done.returncode == 75
    assert done.stdout.splitlines() == [
        "SIGTERM: saving after this step. A second signal ends at once.",
        "saved",
    ]
    assert done.stderr == (
        "Interrupted; everything is saved. Run the same command again to go on.\n"
    )


@pytest.mark.slow
def test_in_the_middle_of_a_step_nothing_is_saved():
    done = _run("    with stop.at_rest(lambda: print('saved')): pass\n    stick()", 0.1, 0.1)
    assert (done.returncode, done.stdout.count("\n")) == (75, 1)
    assert done.stderr == (
        "Interrupted in the middle of a step; what was saved last is whole. "
        "Run the same command again to go on.\n"
    )


@pytest.mark.slow
def test_a_second_signal_ends_a_stuck_process_at_once():
    done = _run("    stick()", 600, 0.1, 0.3)
    assert done.returncode == 75
    assert done.stderr == (
        "Interrupted again; what was saved last is whole. Run the same command again to go on.\n"
    )


@pytest.mark.slow
def test_a_stuck_process_whose_words_nobody_reads_ends_too():
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-c", _PROGRAM + "    stick()", "0.1", "0.1"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=writer, stderr=writer)
    os.close(writer)
    try:
        assert process.wait(60) == 75
    finally:
        process.kill()
        process.wait()
