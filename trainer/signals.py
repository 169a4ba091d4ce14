"""Which threads SIGTERM comes to, and an end for calls that no signal interrupts.

The system gives a signal of the process to any of its threads that does not block it, and calls
what was said last to take it. TensorFlow says so when it connects workers, in the middle of a call
in which no line of Python runs, and leaves SIGTERM without an effect. Only where all threads block
it meanwhile does it wait. So those that libraries start block it from their beginning.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator

_WAKE = signal.SIGUSR2


@contextlib.contextmanager
def held_back(*further: signal.Signals) -> Iterator[None]:
    """Inside, SIGTERM waits, as far as this thread and those that it starts are concerned.

    Args:
      *further: signals that do so, too.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, *further})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)  # what has waited comes now


@contextlib.contextmanager
def ended_after(seconds: int) -> Iterator[None]:
    """Ends the process, by SIGALRM, where this takes longer: also where no line of Python runs."""
    before = signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def kept_from_new_threads() -> Iterator[None]:
    """Inside, threads that this one starts are never given SIGTERM, which is obeyed all the same.

    It is a thread of its own that obeys it, by Python's handler.
    """
    with held_back(_WAKE):
        obeys = threading.Thread(target=_obey, daemon=True)
        obeys.start()
        try:
            yield
        finally:
            signal.pthread_kill(obeys.ident or 0, _WAKE)
            obeys.join()


def _obey() -> None:
    while signal.sigwait({signal.SIGTERM, _WAKE}) == signal.SIGTERM:
        handler = signal.getsignal(signal.SIGTERM)
        if callable(handler):
            handler(signal.SIGTERM, None)
        else:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            signal.raise_signal(signal.SIGTERM)
