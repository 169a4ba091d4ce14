import numpy as np
import pytest

from tests import tiny
from tfrecords import dataset, reader
from trainer import config as configs
from trainer import decoded
from trainer.capacity import resources
from trainer.task import Task


def _task(directory, **changes):
    config = configs.TrainConfig(
        **{"global_batch_size": 8, "seed": 3, "validation_fraction": 0.25, **changes}
    )
    return Task(config, reader.hold_out(dataset.load(directory), config.validation_fraction))


def _columns(batches):
    return [{name: values.numpy() for name, values in batch.items()} for batch in batches]


@pytest.mark.parametrize(
    "changes",
    [
        {"augment": "none"},
        {"augment": "forensic"},
        {"augment": "flip", "shuffle_labels": True},
        {"augment": "flip", "balanced_sampling": True, "mixup_alpha": 0.2},
    ],
)
def test_its_batches_are_those_of_the_records(tmp_path, changes):
    directory = tiny.write(tmp_path, train=44, validation=0, group_size=2)
    task = _task(directory, **changes)
    for place, part in (({"epoch": 0}, (0, 1)), ({"epoch": 2, "start_step": 2}, (1, 2))):
        found = _columns(decoded.DecodedImages(task, part).train_batches(**place))
        expected = _columns(task.train_batches(**place, part=part))
        assert len(found) == len(expected) > 0
        for batch, other in zip(found, expected, strict=True):
            assert batch.keys() == other.keys()
            for name, values in other.items():
                assert batch[name].dtype == values.dtype
                np.testing.assert_array_equal(batch[name], values)


def test_a_quarter_of_the_free_memory_may_be_taken(tmp_path, monkeypatch):
    task = _task(tiny.write(tmp_path))
    assert decoded.num_bytes(task) == 48 * 16 * 16 * 3
    for free, expected in ((4 * 36_864, True), (4 * 36_864 - 4, False), (None, False)):
        monkeypatch.setattr(resources, "free_memory", lambda free=free: free)
        assert decoded.fits(task) == expected
