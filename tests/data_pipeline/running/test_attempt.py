import pytest

from data_pipeline.running import attempt
from tfrecords import exits


def test_a_directory_holds_the_mark_of_the_last_attempt_alone(tmp_path):
    (tmp_path / ".attempt-killed").mkdir()
    with attempt.begun(tmp_path) as mark:
        assert list(tmp_path.iterdir()) == [mark]
        attempt.check(str(mark), str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_no_two_marks_and_no_two_temporary_names_are_the_same(tmp_path):
    marks = []
    for _ in range(2):
        with attempt.begun(tmp_path) as mark:
            marks.append(mark)
    assert marks[0] != marks[1]
    assert attempt.temporary(tmp_path / "a") != attempt.temporary(tmp_path / "a")


def test_an_attempt_that_ended_leaves_nothing(tmp_path):
    with attempt.begun(tmp_path) as mark:
        attempt.end(mark)
        with pytest.raises(exits.MachineError, match="does not see"):
            attempt.check(str(mark))
    assert list(tmp_path.iterdir()) == []


def test_what_is_handed_over_is_taken(tmp_path):
    with attempt.begun(tmp_path) as mark:
        places = attempt.hand_over(mark, "scan", [("a", 1), "b"])
        assert [attempt.take(place) for place in places] == [("a", 1), "b"]
        assert attempt.hand_over(mark, "scan", ["c"]) == places[:1]
        assert attempt.take(places[0]) == "c"


def test_a_worker_that_does_not_see_what_it_needs_says_where_it_must_lie(tmp_path):
    with pytest.raises(exits.MachineError, match=r"does not see .*/source\. .* file system"):
        attempt.check(str(tmp_path), str(tmp_path / "source"))
