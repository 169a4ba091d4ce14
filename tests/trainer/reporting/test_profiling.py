import pytest
import tensorflow as tf

from tfrecords import exits
from trainer.reporting import profiling


@pytest.fixture
def calls(monkeypatch):
    """What TensorFlow's profiler was told."""
    made = []
    profiler = tf.profiler.experimental
    monkeypatch.setattr(profiler, "start", lambda path: made.append(f"start {path}"))
    monkeypatch.setattr(profiler, "stop", lambda: made.append("stop"))
    return made


def _take(window, first, last):
    for done in range(first, last):
        window.before_step(done)
        window.after_step(done + 1)


def test_it_begins_before_the_first_step_and_ends_after_the_last(calls, tmp_path, capsys):
    window = profiling.Window((3, 5), tmp_path)
    _take(window, 0, 2)
    assert calls == []
    _take(window, 2, 4)
    assert calls == [f"start {tmp_path}"]
    _take(window, 4, 9)
    assert calls == [f"start {tmp_path}", "stop"]
    assert f"The profile of the steps lies in {tmp_path}/plugins/profile" in capsys.readouterr().out


def test_a_run_that_goes_on_past_it_profiles_nothing(calls, tmp_path):
    _take(profiling.Window((3, 5), tmp_path), 5, 9)
    _take(profiling.Window(None, tmp_path), 0, 9)
    assert calls == []


def test_a_profile_that_is_not_over_is_closed(calls, tmp_path):
    window = profiling.Window((3, 50), tmp_path)
    _take(window, 0, 9)
    window.close()
    window.close()
    assert calls == [f"start {tmp_path}", "stop"]


@pytest.mark.parametrize(
    ("done", "count", "expected"),
    [(0, 10, False), (0, 11, True), (10, 5, True), (14, 1, True), (15, 10, False)],
)
def test_steps_near_it_are_taken_singly(tmp_path, done, count, expected):
    assert profiling.Window((11, 15), tmp_path).is_near(done, count) == expected


def test_the_steps_of_the_flag():
    assert profiling.parse("10,15") == (10, 15)
    assert profiling.parse(" 3, 3") == (3, 3)
    assert profiling.parse(None) is None


@pytest.mark.parametrize("text", ["10", "15,10", "0,5", "a,b", "1,2,3", ""])
def test_what_is_no_pair_of_steps_is_refused(text):
    with pytest.raises(exits.UsageError, match="such as 10,15"):
        profiling.parse(text)
