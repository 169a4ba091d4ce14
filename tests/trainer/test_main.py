import dataclasses
import importlib
import pathlib
import signal
import subprocess
import sys

import pytest

from tests import interrupted_import
from tfrecords import exits
from trainer import config as configs
from trainer import main, training

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def entry():
    """The entry module anew, so that no flag has a value of an earlier test."""
    return importlib.reload(main)


@pytest.fixture
def train(entry, monkeypatch):
    """Calls the command with some flags and returns the configuration that it trains with."""
    received = []
    monkeypatch.setattr(training, "train_and_evaluate", received.append)

    def call(*arguments):
        entry.main(entry.parse_flags(["trainer.main", *arguments]))
        return received.pop()

    return call


def test_every_field_has_a_flag_with_its_default(entry):
    for field in dataclasses.fields(configs.TrainConfig):
        assert entry.FLAGS[field.name].default == field.default, field.name
        assert entry.FLAGS[field.name].help, field.name


def test_no_flag_is_without_a_field(entry):
    names = {field.name for field in dataclasses.fields(configs.TrainConfig)}
    assert set(entry.FLAGS) == names


def test_without_flags_the_defaults_train(train):
    assert train() == configs.TrainConfig()


def test_the_flag_file_of_a_run_gives_its_configuration_again(train):
    config = configs.TrainConfig(
        epochs=3, learning_rate=1e-5, shuffle_labels=True, deterministic=False, image_size=96
    )
    assert train(*config.to_flags().splitlines()) == config


def test_a_word_that_is_no_flag_is_refused(train):
    with pytest.raises(exits.UsageError, match="Flags begin with --. Received: epochs=3 fast."):
        train("epochs=3", "fast")


@pytest.mark.parametrize("word", ["--help", "--helpfull"])
def test_help_goes_to_standard_output_and_is_no_error(entry, word, capsys):
    with pytest.raises(SystemExit) as leaving:
        entry.parse_flags(["trainer.main", "--epochs=3", word])
    assert leaving.value.code == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("Trains a model, or goes on with a run")
    assert "\n  --dataset=sample           The dataset's name.\n" in shown.out
    assert shown.err == ""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_tensorflow_is_imported_ends_with_a_word(tmp_path, number):
    done = interrupted_import.run("trainer.main", "tensorflow", number, tmp_path)
    assert done.returncode == 75
    assert done.stderr == (
        "Interrupted; what is done is kept. Run the same command again to go on.\n"
    )


def _run(*arguments):
    command = [sys.executable, "-m", "trainer.main", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_an_unknown_flag_leaves_with_2_and_one_line():
    done = _run("--no_such_flag")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "no_such_flag" in done.stderr


@pytest.mark.slow
def test_a_positional_word_leaves_with_2_and_one_line():
    done = _run("mirrored")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Flags begin with --. Received: mirrored.\n"


@pytest.mark.slow
def test_an_absent_dataset_leaves_with_3_and_the_command_that_builds_it(tmp_path):
    done = _run("--dataset=faces", f"--data_dir={tmp_path}", f"--run_dir={tmp_path / 'run'}")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        f"There is no dataset 'faces' in {tmp_path}. Build it with: "
        f"python -m data_pipeline.build --dataset=faces --data_dir={tmp_path}\n"
    )
    assert not (tmp_path / "run").exists()
