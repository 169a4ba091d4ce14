import os
import signal

import pytest

from tfrecords import exits
from trainer import interruption

SIGNALS = [signal.SIGTERM, signal.SIGINT]


@pytest.fixture
def received():
    """Signals that reach the handlers of before."""
    numbers = []
    before = {number: signal.signal(number, lambda n, _: numbers.append(n)) for number in SIGNALS}
    yield numbers
    for number, handler in before.items():
        signal.signal(number, handler)


def test_without_a_signal_nothing_happens():
    with interruption.Interruption() as stop:
        stop.check()
    assert not stop.requested


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_noted_and_obeyed_at_the_next_check(number, received, capsys):
    with interruption.Interruption() as stop:
        os.kill(os.getpid(), number)
        assert stop.requested
        with pytest.raises(exits.Interrupted, match="everything is saved. Run the same command"):
            stop.check()
    assert received == []
    assert capsys.readouterr().out == (
        f"{number.name}: saving after this step. A second signal ends at once.\n"
    )


@pytest.mark.parametrize("second", SIGNALS)
def test_a_second_signal_of_any_kind_reaches_the_handler_of_before(second, received):
    with interruption.Interruption():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), second)
    assert received == [second]


def test_a_second_ctrl_c_raises_as_python_does():
    with pytest.raises(KeyboardInterrupt), interruption.Interruption():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)


def test_leaving_puts_the_handlers_back_also_after_an_exception(received):
    before = [signal.getsignal(number) for number in SIGNALS]
    with pytest.raises(ZeroDivisionError), interruption.Interruption():
        assert [signal.getsignal(number) for number in SIGNALS] != before
        raise ZeroDivisionError
    assert [signal.getsignal(number) for number in SIGNALS] == before
