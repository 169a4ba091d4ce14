import pathlib
import signal
import subprocess
import sys
import threading

import pytest

from trainer import signals

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def received():
    """Set when Python's handler of SIGTERM is called."""
    event = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: event.set())
    yield event
    signal.signal(signal.SIGTERM, before)


def _blocked_in_a_new_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(signal.pthread_sigmask(0, ())))
    thread.start()
    thread.join()
    return found[0]


def test_threads_that_are_started_inside_block_it_for_good_and_this_one_does_not_afterwards():
    with signals.kept_from_new_threads():
        assert signal.SIGTERM in _blocked_in_a_new_thread()
        assert signal.SIGINT not in _blocked_in_a_new_thread()
    assert not _blocked_in_a_new_thread() & {signal.SIGTERM, signal.SIGUSR2}


def test_it_is_obeyed_inside_all_the_same(received):
    with signals.kept_from_new_threads():
        signal.pthread_kill(_obeying().ident, signal.SIGTERM)
        assert received.wait(timeout=60)
        received.clear()
        signal.pthread_kill(_obeying().ident, signal.SIGTERM)
        assert received.wait(timeout=60)
    assert _obeying() is None


def _obeying():
    """Returns the thread to which the system would give it if all others blocked it."""
    return next((t for t in threading.enumerate() if "_obey" in t.name), None)


def test_it_waits_while_it_is_held_back(received):
    with signals.held_back():
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        assert not received.is_set()
    assert received.is_set()


_STUCK = """
import ctypes
from trainer import signals
with signals.ended_after(1):
    ctypes.PyDLL(None).sleep(60)  # which does not let go of the interpreter
"""


def test_a_call_in_which_no_line_of_python_runs_comes_to_an_end():
    done = subprocess.run([sys.executable, "-c", _STUCK], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGALRM


def test_what_ends_in_time_is_not_ended():
    before = signal.getsignal(signal.SIGALRM)
    with signals.ended_after(60):
        pass
    assert (signal.alarm(0), signal.getsignal(signal.SIGALRM)) == (0, before)


_PROGRAM = """
import os, signal, threading
from trainer import signals
with signals.kept_from_new_threads():
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(60)
"""


def test_without_a_handler_of_pythons_it_does_what_it_does():
    done = subprocess.run([sys.executable, "-c", _PROGRAM], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGTERM
