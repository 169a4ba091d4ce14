from data_pipeline import console
from data_pipeline.config import BuildConfig
from tests import tiny
from tfrecords import dataset


def _said(tmp_path, capsys, **kwargs):
    built = dataset.load(tiny.write(tmp_path, **kwargs))
    console.say_next(BuildConfig(), built)
    return capsys.readouterr().out


def test_the_next_command_trains(tmp_path, capsys):
    assert _said(tmp_path, capsys).endswith("Next:   python -m trainer.main --strategy=mirrored\n")


def test_without_a_validation_split_the_next_command_holds_one_out(tmp_path, capsys):
    said = _said(tmp_path, capsys, validation=0)
    assert said.endswith("--strategy=mirrored --validation_fraction=0.15\n")


def test_without_a_test_split_there_is_nothing_to_train(tmp_path, capsys):
    assert "Next:" not in _said(tmp_path, capsys, test=0)


def test_many_classes_are_counted_and_not_listed():
    few = {"real": 1200, "fake": 3}
    many = {f"class{index}": 3 + index for index in range(13)}
    assert console.counts_of(few) == "real 1,200, fake 3"
    assert console.counts_of(many) == "117 of 13 classes, 3 to 15 of each"
