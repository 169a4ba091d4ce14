import os
import sys
import threading

from data_pipeline import progress
from tfrecords import progress_line


def test_a_line_says_how_much_how_fast_and_how_long():
    assert progress.line("Writing", 600, 2400, 500, 5.0) == (
        "Writing 600 of 2,400 images, 100 images/s, 0:18 left"
    )


def test_what_takes_seconds_each_has_a_rate_too():
    assert progress.line("Searching", 4, 7, 4, 20.0, "videos") == (
        "Searching 4 of 7 videos, 0.2 videos/s, 0:15 left"
    )


def test_without_progress_there_is_no_estimate():
    assert progress.line("Scanning", 0, 10, 0, 5.0) == "Scanning 0 of 10 images"


def test_lines_are_printed_elsewhere_than_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(progress_line, "PRINT_SECONDS", 0)
    monkeypatch.setattr(progress, "POLL_SECONDS", 0.001)
    counted = threading.Semaphore(0)

    def count():
        counted.release()
        return 3

    with progress.shown("Writing", 10, count):
        for _ in range(3):
            assert counted.acquire(timeout=10)
    captured = capsys.readouterr()
    assert "Writing 3 of 10 images" in captured.out
    assert captured.err == ""


def test_the_work_goes_on_when_nobody_reads_its_progress(monkeypatch, capsys):
    monkeypatch.setattr(progress_line, "PRINT_SECONDS", 0)
    monkeypatch.setattr(progress, "POLL_SECONDS", 0.001)
    complaints = []
    monkeypatch.setattr(threading, "excepthook", complaints.append)
    reading, writing = os.pipe()
    os.close(reading)
    counted = threading.Semaphore(0)
    with os.fdopen(writing, "wb", buffering=0) as pipe:
        methods = {"write": lambda _, text: pipe.write(text.encode()), "isatty": lambda _: False}
        unread = type("Unread", (), methods)
        monkeypatch.setattr(sys, "stdout", unread())
        with progress.shown("Writing", 10, lambda: counted.release() or 3):
            for _ in range(2):
                assert counted.acquire(timeout=10)
    assert complaints == []
