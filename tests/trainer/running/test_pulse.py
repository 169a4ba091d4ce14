import os
import signal

import pytest

from trainer.running import pulse


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    yield reader, writer
    os.close(writer)


def test_without_a_supervisor_nothing_is_told():
    heart = pulse.Pulse.from_environment({})
    heart.tell(pulse.STEP)
    assert not heart.is_supervised
    assert not heart.is_restart
    assert heart.reasons == ()
    assert heart.micro_batch is None


def test_the_note_of_the_supervisor_comes_through_the_environment(pipe):
    note = pulse.Note(pipe[1], is_restart=True, reasons=("it hung",), micro_batch=8)
    heart = pulse.Pulse.from_environment(note.to_environment())
    assert heart.is_supervised
    assert heart.is_restart
    assert heart.reasons == ("it hung",)
    assert heart.micro_batch == 8


def test_words_are_told_a_line_at_a_time(pipe):
    heart = pulse.Pulse(pulse.Note(pipe[1]))
    heart.tell(pulse.SIZE, 4, 8)
    heart.tell(pulse.STEP)
    assert os.read(pipe[0], 100) == b"size 4 8\nstep\n"
    os.close(pipe[0])


def test_a_supervisor_that_does_not_read_keeps_nobody_waiting(pipe):
    heart = pulse.Pulse(pulse.Note(pipe[1]))
    for _ in range(100_000):  # more than a pipe holds
        heart.tell(pulse.STEP)
    os.close(pipe[0])


def test_who_has_lost_its_supervisor_is_asked_to_leave(pipe):
    received = []
    before = signal.signal(signal.SIGTERM, lambda number, _: received.append(number))
    try:
        os.close(pipe[0])
        heart = pulse.Pulse(pulse.Note(pipe[1]))
        heart.tell(pulse.STEP)
        heart.tell(pulse.STEP)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert received == [signal.SIGTERM]
