import io
import logging
import os
import pty
import subprocess
import sys
import types

import pytest

from tfrecords import progress_line


class _Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Puts a terminal of 20 columns in place of both streams; returns what tells its lines."""

    def make():
        stream = _Terminal()
        for name in ("stdout", "stderr"):
            monkeypatch.setattr(sys, name, stream)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "20")
        return lambda: _screen(stream.getvalue())

    return make


@pytest.fixture
def now(monkeypatch):
    """A clock that is set by hand."""
    reading = [100.0]
    monkeypatch.setattr(progress_line, "time", types.SimpleNamespace(monotonic=lambda: reading[0]))
    return reading


def _screen(written):
    """Returns the lines that stand on a terminal in the end, without spaces behind them."""
    lines, column = [""], 0
    for character in written:
        if character == "\n":
            lines.append("")
            column = 0
        elif character == "\r":
            column = 0
        else:
            lines[-1] = lines[-1][:column].ljust(column) + character + lines[-1][column + 1 :]
            column += 1
    return [line.rstrip() for line in lines]


def test_on_a_terminal_the_line_is_rewritten_in_place(terminal):
    screen = terminal()
    line = progress_line.ProgressLine()
    with line.in_place():
        line.tell("a long one: 1/10")
        line.tell("short: 2/10")
        assert screen() == ["short: 2/10"]
    assert screen() == [""]


def test_it_is_cut_to_the_width_of_the_terminal(terminal):
    screen = terminal()
    line = progress_line.ProgressLine()
    with line.in_place():
        line.tell("0123456789" * 3)
        assert screen() == ["0123456789012345678"]


def test_what_is_done_now_is_shown_on_a_terminal_alone(terminal, capsys):
    progress_line.ProgressLine().show("first")
    assert capsys.readouterr().out == ""
    lines = terminal()
    line = progress_line.ProgressLine()
    with line.in_place():
        line.show("first")
        assert lines() == ["first"]


def test_lines_that_stay_take_its_place(terminal):
    screen = terminal()
    line = progress_line.ProgressLine()
    with line.in_place():
        line.tell("epoch 1: 9/10")
        line.say("epoch 1 is over")
        line.tell("epoch 2: 1/10")
        assert screen() == ["epoch 1 is over", "epoch 2: 1/10"]


def test_prints_warnings_and_logs_take_its_place(terminal):
    screen = terminal()
    logger = logging.Logger("early")  # whose handler has kept the stream from before
    logger.addHandler(logging.StreamHandler(sys.stderr))
    line = progress_line.ProgressLine()
    with line.in_place():
        line.tell("step 1")
        print("printed")
        line.tell("step 2")
        print("warned", file=sys.stderr)
        line.tell("step 3")
        logger.error("logged")
        line.tell("step 4")
        assert screen() == ["printed", "warned", "logged", "step 4"]


def test_a_line_that_is_half_written_is_left_alone(terminal):
    screen = terminal()
    line = progress_line.ProgressLine()
    with line.in_place():
        line.tell("step 1")
        print("half", end="")
        line.tell("step 2")
        print(" and half")
        line.tell("step 3")
        assert screen() == ["half and half", "step 3"]


def test_afterwards_the_streams_are_as_before(terminal):
    screen = terminal()
    line = progress_line.ProgressLine()
    with pytest.raises(ValueError, match="wrong"), line.in_place():
        line.tell("step 1")
        raise ValueError("wrong")
    print("after")
    assert screen() == ["after", ""]
    assert "write" not in vars(sys.stdout)
    line.tell("step 2")
    assert screen() == ["after", "step 2", ""]


def test_a_dumb_terminal_is_none(terminal, monkeypatch):
    screen = terminal()
    monkeypatch.setenv("TERM", "dumb")
    line = progress_line.ProgressLine()
    with line.in_place():
        line.tell("step 1")
        line.tell("step 2")
    assert screen() == ["step 1", "step 2", ""]


def test_without_a_terminal_a_line_is_due_ten_seconds_after_the_last_one(now, capsys):
    line = progress_line.ProgressLine()
    with line.in_place():
        now[0] += 9.5
        assert not line.is_due()
        now[0] += 0.5
        assert line.is_due()
        line.tell("step 1")
        assert not line.is_due()
        now[0] += 9.5
        line.say("an epoch is over")
        now[0] += 9.5
        assert not line.is_due()
    assert capsys.readouterr().out == "step 1\nan epoch is over\n"


def test_on_a_terminal_it_is_due_some_times_in_a_second(now, terminal):
    terminal()
    line = progress_line.ProgressLine()
    with line.in_place():
        line.tell("step 1")
        now[0] += 0.2
        assert not line.is_due()
        now[0] += 0.2
        assert line.is_due()


def test_a_real_terminal_has_it_too():
    program = """if True:
        from tfrecords import progress_line
        line = progress_line.ProgressLine()
        with line.in_place():
            line.tell("x" * 100)
            line.say("epoch 1")
            line.tell("step 1")
        print("end")"""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "30"}
    with os.fdopen(ours, "rb", buffering=0) as reading:
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdout=theirs, stderr=theirs, env=environment
        )
        assert process.wait(timeout=60) == 0
        written = reading.read(4096).decode()
        os.close(theirs)
    assert "x" * 29 in written
    assert "x" * 30 not in written
    assert _screen(written) == ["epoch 1", "end", ""]
