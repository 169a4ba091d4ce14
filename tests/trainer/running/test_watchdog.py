import itertools
import re
import signal
import threading

import pytest

from trainer import faults
from trainer.running import pulse, watchdog


class EndedError(Exception):
    pass


@pytest.fixture(autouse=True)
def is_quick(monkeypatch):
    monkeypatch.setattr(watchdog, "LOOK_EVERY_SECONDS", 0.01)


@pytest.fixture
def ended():
    """Set when the process is told to end, which it does with an error."""
    event = threading.Event()

    def end(*_):
        event.set()
        raise EndedError

    before = signal.signal(signal.SIGTERM, end)
    yield event
    signal.signal(signal.SIGTERM, before)


def test_one_that_gets_no_further_says_where_it_stands_and_ends(ended, capsys):
    heart = pulse.Pulse()
    with (
        pytest.raises(EndedError),
        watchdog.Watchdog("Worker 1 of 2", heart, least_seconds=0.05).watching(),
    ):
        heart.tell(pulse.STEP)
        faults.Faults(faults.parse("hang@step=0")).before_step(0)
    assert re.fullmatch(
        r"Worker 1 of 2 has got no further for 0 s, since \d\d:\d\d:\d\d: it stands at "
        r"trainer/faults.py:\d+ in before_step. One of the workers hangs, and the others wait for "
        r"it: see where each of them stands. It ends now; run the same command again on each to go "
        r"on from the last checkpoint.\n",
        capsys.readouterr().err,
    )
    assert heart.listener is None


@pytest.mark.parametrize("sign", [pulse.LONG, pulse.STEP])
def test_what_is_suspended_is_not_taken_to_hang(ended, sign):
    times, looks = itertools.count(step=10_000.0), threading.Semaphore(0)

    def clock():
        looks.release()
        return next(times)

    heart = pulse.Pulse()
    with watchdog.Watchdog("Worker 0 of 2", heart, clock=clock).watching():
        heart.tell(sign)
        heart.tell(pulse.SIZE, 4, 8)
        for _ in range(10):
            looks.acquire(timeout=60)
    assert not ended.is_set()
