import dataclasses

import pytest

from data_pipeline import console
from data_pipeline.config import BuildConfig
from tests import tiny
from tfrecords import dataset, manifest


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


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"max_reject_fraction": 1.0, "num_workers": 7}, ""),
        ({"seed": 3, "overwrite": True}, ""),
        ({"seed": 3, "version": "2.0.0"}, ""),
        (
            {"seed": 3, "face_margin": 2.0},
            "was built with another --seed and another --face_margin. If that makes a difference",
        ),
    ],
)
def test_a_dataset_of_other_flags_is_named_before_the_work(tmp_path, capsys, changes, said):
    config = BuildConfig(
        dataset="tiny", layout="video_folder", source="videos", data_dir=str(tmp_path)
    )
    directory = tiny.write(tmp_path)
    content = dataclasses.replace(manifest.read(directory), options=config.options())
    manifest.write(content, directory)
    console.say_other_flags(dataclasses.replace(config, **changes))
    printed = capsys.readouterr().out
    assert said in printed
    assert bool(said) == bool(printed)


def test_many_classes_are_counted_and_not_listed():
    few = {"real": 1200, "fake": 3}
    many = {f"class{index}": 3 + index for index in range(13)}
    assert console.counts_of(few) == "real 1,200, fake 3"
    assert console.counts_of(many) == "117 of 13 classes, 3 to 15 of each"
