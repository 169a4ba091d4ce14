import dataclasses
import importlib
import json
import pathlib

import pytest

from tfrecords import exits
from trainer import config as configs
from trainer import outlook
from trainer import plan as command

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def entry():
    """The entry module anew, so that no flag has a value of an earlier test."""
    return importlib.reload(command)


@pytest.fixture
def plan(entry, capsys):
    """Runs the command and returns what it prints."""

    def call(*arguments):
        entry.main(entry.parse_flags(["trainer.plan", *arguments]))
        return capsys.readouterr().out

    return call


def test_the_flag_file_of_a_training_is_understood(plan, tmp_path):
    recipe = tmp_path / "recipe.flags"
    recipe.write_text("# a recipe\n--image_size=32\n--global_batch_size=16\n--clip_norm=2\n")
    found = json.loads(plan(f"--flagfile={recipe}", "--json", "--noprobe", "--num_examples=100"))
    assert found["phases"]["train"]["parameters"] == 98_289
    assert found["global_batch_size"] == 16
    assert found["steps_per_epoch"] == 6


def test_people_get_lines(plan):
    known = ["--image_size=32", "--num_classes=2", "--num_examples=64"]
    text = plan(*known, "--noprobe", "--device_memory_gb=16")
    assert text.startswith(
        "cnn at 32 px, 2 classes, float32 | global batch 64 | 1 replica, 16.0 GB each"
    )
    assert text.count("\n") == 4


def test_people_read_first_that_there_is_no_dataset(plan, tmp_path):
    text = plan("--image_size=32", f"--data_dir={tmp_path}", "--dataset=typo", "--noprobe")
    assert text.startswith("WITHOUT A DATASET. There is no dataset 'typo' in ")


def test_each_field_is_a_flag(entry):
    names = {
        f.name for c in (configs.TrainConfig, outlook.OutlookConfig) for f in dataclasses.fields(c)
    }
    assert set(entry.FLAGS) == names


def test_a_word_that_is_no_flag_is_refused(plan):
    with pytest.raises(exits.UsageError, match="Flags begin with --. Received: xception"):
        plan("xception")
