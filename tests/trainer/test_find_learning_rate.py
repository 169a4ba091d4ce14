import dataclasses
import importlib

from trainer import config as configs
from trainer import find_learning_rate
from trainer.rate_range import search


def test_the_flags_of_a_training_and_of_the_test_reach_the_program(monkeypatch):
    entry = importlib.reload(find_learning_rate)
    received = []
    monkeypatch.setattr(search, "find", lambda *arguments: received.append(arguments))
    entry.main(entry.parse_flags(["find", "--epochs=3", "--range_steps=50"]))
    assert received == [(configs.TrainConfig(epochs=3), search.RangeConfig(range_steps=50))]
    names = {
        f.name for c in (configs.TrainConfig, search.RangeConfig) for f in dataclasses.fields(c)
    }
    assert set(entry.FLAGS) == names
