import io
import os
import sys

import pytest

from trainer import quiet


def test_what_native_code_says_is_held_back(capfd):
    with quiet.native_stderr():
        os.write(2, b"no driver\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_what_native_code_says_is_shown_when_an_exception_leaves(capfd):
    with pytest.raises(ImportError), quiet.native_stderr():
        os.write(2, b"the reason\n")
        raise ImportError
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "the reason\nafter\n"


def test_standard_output_is_not_held_back(capfd):
    with quiet.native_stderr():
        os.write(1, b"shown\n")
    assert capfd.readouterr().out == "shown\n"


def test_no_file_descriptor_is_left_open():
    first = os.dup(2)
    os.close(first)
    with quiet.native_stderr():
        pass
    second = os.dup(2)
    os.close(second)
    assert first == second


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_terminal_alone_shows_what_takes_seconds_and_forgets_it(monkeypatch, is_terminal):
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: is_terminal)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("TERM", "xterm")
    with quiet._shown("Loading"):
        assert stream.getvalue() == ("\rLoading" if is_terminal else "")
    assert stream.getvalue() == ("\rLoading\r       \r" if is_terminal else "")


def test_half_precision_is_spoken_of_where_nobody_hears_it(capfd, monkeypatch):
    def warn(function):
        os.write(2, b"no instructions for DT_HALF")
        return function

    monkeypatch.setattr("tensorflow.function", warn)
    quiet.half_precision()
    assert capfd.readouterr().err == ""
