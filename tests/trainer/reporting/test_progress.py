import math
import types

import pytest

from tfrecords import progress_line
from trainer.reporting import progress


@pytest.fixture
def now(monkeypatch):
    """A clock that is set by hand."""
    reading = [100.0]
    monkeypatch.setattr(progress, "time", types.SimpleNamespace(perf_counter=lambda: reading[0]))
    return reading


def _step(loss, skipped=0.0):
    return {"loss": loss, "accuracy": loss / 2, "gradient_norm": loss * 2, "skipped": skipped}


def test_a_window_gives_means_and_speed(now):
    window = progress.Window(global_batch_size=8)
    for loss in (1.0, 3.0):
        with window.waiting():
            now[0] += 0.5
        now[0] += 1.5
        window.add(_step(loss))
    assert len(window) == 2
    assert window.close()[0] == {
        "loss": 2.0,
        "accuracy": 1.0,
        "gradient_norm": 4.0,
        "skipped": 0.0,
        "images_per_second": 4.0,
        "input_wait_share": 0.25,
        "seconds": 4.0,
    }


def test_a_closed_window_starts_anew(now):
    window = progress.Window(global_batch_size=8)
    with window.waiting():
        now[0] += 1
    window.add(_step(1.0))
    window.close()
    assert len(window) == 0
    now[0] += 2
    window.add(_step(5.0))
    values = window.close()[0]
    assert (values["loss"], values["seconds"], values["input_wait_share"]) == (5.0, 2.0, 0.0)


def test_a_skipped_step_is_counted_and_in_no_mean(now):
    window = progress.Window(global_batch_size=8)
    window.add(_step(1.0))
    window.add(_step(math.inf, skipped=1.0))
    now[0] += 1
    values = window.close()[0]
    assert (values["loss"], values["accuracy"], values["gradient_norm"]) == (1.0, 0.5, 2.0)
    assert values["skipped"] == 1
    assert values["images_per_second"] == 16


def test_a_window_of_skipped_steps_has_no_means(now):
    window = progress.Window(global_batch_size=8)
    window.add(_step(math.nan, skipped=1.0))
    now[0] += 1
    values = window.close()[0]
    assert math.isnan(values["loss"])
    assert values["skipped"] == 1


def test_a_step_that_overflowed_is_in_no_mean_and_not_among_the_skipped(now):
    window = progress.Window(global_batch_size=8)
    for kinds in ({}, {"skipped": 1.0, "overflowed": 1.0}, {"skipped": 1.0}):
        window.add({"overflowed": 0.0, "loss_scale": 4.0, **_step(1.0), **kinds})
    now[0] += 1
    values, _, is_skipped = window.close()
    assert (values["skipped"], values["overflowed"], values["loss_scale"]) == (2, 1, 4)
    assert is_skipped.tolist() == [False, False, True]


def test_a_line_says_what_is_left(now, capsys):
    announcer = progress.Announcer(total_steps=100)
    announcer.note(steps=10, seconds=20.0)
    announcer.note(steps=10, seconds=40.0)
    announcer.say("epoch 1", global_step=20)
    assert capsys.readouterr().out == "epoch 1 | 4:00 left at most\n"


@pytest.mark.parametrize("global_step", [100, 101])
def test_the_last_line_says_nothing_of_what_is_left(now, capsys, global_step):
    announcer = progress.Announcer(total_steps=100)
    announcer.note(steps=10, seconds=20.0)
    announcer.say("epoch 9", global_step)
    assert capsys.readouterr().out == "epoch 9\n"


def test_before_the_first_step_nothing_is_estimated(now, capsys):
    progress.Announcer(total_steps=100).say("epoch 1", global_step=20)
    assert capsys.readouterr().out == "epoch 1\n"


def test_a_prediction_says_how_far_it_is_where_that_takes_long(capsys, monkeypatch):
    announcer = progress.Announcer(total_steps=100)
    announcer.tell_share("  test", 64, 100)
    monkeypatch.setattr(progress_line, "PRINT_SECONDS", 0)
    announcer.tell_share("  test", 1064, 2000)
    announcer.tell_share("  test", 2128, 2000)  # the parts of several workers differ
    assert capsys.readouterr().out.splitlines() == [
        "  test: 1,064 of 2,000 images",
        "  test: 2,000 of 2,000 images",
    ]


def test_how_far_it_is_has_what_is_left_before_what_may_be_cut(capsys):
    announcer = progress.Announcer(total_steps=100)
    announcer.tell("epoch 1: 2/10", 2, "loss 0.5", "3 images/s")
    announcer.note(steps=2, seconds=4.0)
    announcer.tell("epoch 1: 2/10", 2, "loss 0.5", "3 images/s")
    assert capsys.readouterr().out.splitlines() == [
        "epoch 1: 2/10 | loss 0.5 | 3 images/s",
        "epoch 1: 2/10 | 3:16 left | loss 0.5 | 3 images/s",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00"),
        (59.4, "0:59"),
        (59.6, "1:00"),
        (123, "2:03"),
        (3600, "1:00:00"),
        (90061, "25:01:01"),
    ],
)
def test_a_duration_is_written_as_on_a_clock(seconds, text):
    assert progress.clock(seconds) == text
