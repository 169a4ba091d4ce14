import types

import pytest

from trainer import config as configs
from trainer.running import checkpoints, validation


@pytest.mark.parametrize(
    ("monitor", "rank", "expected"),
    [
        ("auc", (-0.91234, 0.3), ["best AUC 0.9123"]),
        ("accuracy", (-0.5, 0.3), ["best accuracy 0.5000"]),
        ("loss", (0.3, 0.3), ["best validation loss 0.3000"]),
        ("auc", (float("inf"), 0.25), ["best validation loss 0.2500"]),
    ],
)
def test_the_best_validation_for_a_line_of_the_terminal(monitor, rank, expected):
    counters = checkpoints.Counters()
    task = types.SimpleNamespace(config=configs.TrainConfig(monitor=monitor))
    run = types.SimpleNamespace(counters=counters, task=task)
    assert validation.best(run) == []
    counters.best_rank.assign(rank)
    counters.best_step.assign(12)
    assert validation.best(run) == expected
