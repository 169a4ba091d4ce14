import dataclasses
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

from tests import tiny
from trainer import config as configs
from trainer import training
from trainer.capacity import remembered
from trainer.networks import backbones, cnns
from trainer.reporting import events, plots
from trainer.running import interruption


def _config(directory: pathlib.Path, **changes) -> configs.TrainConfig:
    defaults = {
        "data_dir": str(directory / "data"),
        "dataset": "tiny",
        "run_dir": str(directory / "run"),
        "strategy": "mirrored",
        "epochs": 2,
        "global_batch_size": 8,
        "checkpoint_steps": 4,
        "log_steps": 2,
    }
    return configs.TrainConfig(**{**defaults, **changes})


@pytest.fixture
def make_config(tmp_path: pathlib.Path):
    """Returns configurations of small runs on a painted dataset."""
    tiny.write(tmp_path / "data")
    return lambda **changes: _config(tmp_path, **changes)


@pytest.fixture(scope="module")
def no_pictures():
    """Blank pictures: real ones take a fifth of the time of a short run."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("curves", "confusion_matrix", "image_grid"):
            patch.setattr(plots, name, lambda *_, **__: np.zeros((8, 8, 3), np.uint8))
        yield


@pytest.fixture(scope="module")
def small_runs(no_pictures):
    """A network of one block stands in for `cnn`, which takes seconds to trace."""

    def one_block(input_shape):
        inputs = keras.Input(input_shape)
        maps = keras.layers.Conv2D(8, 3, strides=4, use_bias=False)(inputs)
        maps = keras.layers.ReLU()(cnns.batch_norm()(maps))
        return keras.Model(inputs, maps, name="cnn")

    with pytest.MonkeyPatch.context() as patch:
        entry = dataclasses.replace(backbones.BACKBONES["cnn"], build=one_block)
        patch.setitem(backbones.BACKBONES, "cnn", entry)
        yield


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, two_devices, small_runs):
    """A run of `make_config()` that nothing has disturbed."""
    directory = tmp_path_factory.mktemp("undisturbed")
    tiny.write(directory / "data")
    config = _config(directory)
    summary = training.train_and_evaluate(config)
    lines = events.read_metrics(directory / "run")
    return {
        "config": config,
        "run": directory / "run",
        "summary": summary,
        "validations": [line for line in lines if line["split"] == "validation"],
    }


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch) -> pathlib.Path:
    """Where micro-batches are remembered: not in the cache of whoever runs the tests."""
    path = tmp_path / "cache" / "micro_batches.json"
    monkeypatch.setattr(remembered, "default_path", lambda: path)
    return path


@pytest.fixture(scope="session")
def undisturbed_command(tmp_path_factory) -> pathlib.Path:
    """The run of a command on two replicas that nothing has disturbed."""
    directory = tmp_path_factory.mktemp("command")
    tiny.write(directory / "data")
    flags = _config(directory, checkpoint_steps=4).to_flags().splitlines()
    command = [sys.executable, "-m", "trainer.main", *flags]
    root = pathlib.Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return directory / "run"


@pytest.fixture(autouse=True)
def patience(monkeypatch) -> None:
    """On a busy machine a step may take long: a signal must not end the process of the tests."""
    monkeypatch.setattr(interruption, "GRACE_SECONDS", 600.0)


def tiny_network(include_top, weights, input_shape):
    """A backbone of two small layers, made as those of keras.applications are."""
    assert not include_top
    layers = keras.layers
    inputs = keras.Input(input_shape)
    features = layers.Conv2D(4, 1, strides=4, name="first")(inputs)
    features = layers.BatchNormalization(momentum=0.5, name="norm")(features)
    return keras.Model(inputs, layers.Conv2D(5, 1, name="second")(features))


@pytest.fixture
def tiny_backbone(monkeypatch) -> str:
    """The name of a backbone of two small layers."""
    entry = backbones.Backbone(tiny_network, lambda pixels: pixels / 127.5 - 1)
    monkeypatch.setitem(backbones.BACKBONES, "tiny", entry)
    monkeypatch.setattr(backbones, "PRETRAINED", (*backbones.PRETRAINED, "tiny"))
    return "tiny"
