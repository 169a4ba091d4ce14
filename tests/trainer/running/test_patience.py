import pytest

from trainer.running import patience, pulse


def test_the_start_may_take_as_long_as_anything():
    of_run = patience.Patience(100.0, least=5, most=60)
    assert of_run.deadline == 160


def test_a_step_may_take_a_multiple_of_the_slowest_but_never_less_than_the_least():
    of_run = patience.Patience(0.0, least=5, most=60)
    of_run.note(pulse.STEP, 50.0)  # with what came before the first step, and does not count
    assert of_run.deadline == 55
    of_run.note(pulse.STEP, 52.0)
    of_run.note(pulse.STEP, 52.1)
    assert of_run.deadline == pytest.approx(52.1 + 20 * 2)


def test_what_nobody_knows_the_length_of_is_waited_for_and_no_measure_of_steps():
    of_run = patience.Patience(0.0, least=5, most=60)
    of_run.note(pulse.LONG, 1.0)
    assert of_run.deadline == 61
    of_run.note(pulse.STEP, 31.0)
    assert of_run.deadline == 36
