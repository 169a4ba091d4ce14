import pytest

from launch.sweeping import grid
from tfrecords import exits


def test_a_flag_that_stands_several_times_takes_each_value():
    found = grid.combinations(
        "# which is better?\n--dataset=faces\n\n--model=cnn\n--model=forensic\n"
        "--learning_rate=1e-3\n--learning_rate=3e-3\n"
    )
    assert [combination.name for combination in found] == [
        "model=cnn+learning_rate=1e-3",
        "model=cnn+learning_rate=3e-3",
        "model=forensic+learning_rate=1e-3",
        "model=forensic+learning_rate=3e-3",
    ]
    assert found[1].words == ("--dataset=faces", "--model=cnn", "--learning_rate=3e-3")


def test_commas_and_equal_signs_belong_to_a_value():
    found = grid.combinations("--head_units=2048,2048\n--head_units=512\n--run=a=b\n")
    assert [combination.name for combination in found] == [
        "head_units=2048-2048",
        "head_units=512",
    ]
    assert found[0].words == ("--head_units=2048,2048", "--run=a=b")


def test_flag_files_come_first_and_may_vary():
    found = grid.combinations(
        "--epochs=2\n--flagfile=launch/recipes/R2d.flags\n--flagfile=launch/recipes/R4c.flags\n"
    )
    assert [combination.name for combination in found] == ["flagfile=R2d", "flagfile=R4c"]
    assert found[0].words == ("--flagfile=launch/recipes/R2d.flags", "--epochs=2")


def test_a_flag_without_a_value_is_handed_on():
    (first, _) = grid.combinations("--shuffle_labels\n--seed=1\n--seed=2")
    assert first.words == ("--shuffle_labels", "--seed=1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("--seed=1\n", "No flag of the sweep has several values"),
        ("", "No flag of the sweep has several values"),
        ("--seed=1\nseed=2\n", "Line 2 of the sweep is no flag. Received: 'seed=2'."),
        ("--seed=1\n--seed=1\n", "Line 2 of the sweep stands there twice: --seed=1."),
        ("--run_dir=x\n--seed=1\n--seed=2", "--run_dir is not for a sweep"),
        ("--restart\n--seed=1\n--seed=2", "--restart is not for a sweep"),
        ("--weights=a/b\n--weights=a:b", "Two values of the sweep give the same name"),
    ],
)
def test_a_file_that_is_no_sweep_is_refused(text, message):
    with pytest.raises(exits.UsageError, match=message):
        grid.combinations(text)
