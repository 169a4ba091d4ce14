import numpy as np
import pytest

from tests import tiny
from tfrecords import dataset, exits, reader
from trainer import config as configs
from trainer import task


def _spec(directory, classes=2, **flags):
    names = ("real", "fake", "third")[:classes]
    path = tiny.write(directory, train=6, validation=3, test=3, class_names=names)
    config = configs.TrainConfig(global_batch_size=2, **flags)
    return task.Task(config, dataset.load(path)).model_spec


@pytest.mark.parametrize(
    ("classes", "flags", "num_logits"),
    [
        (2, {}, 1),
        (2, {"logits": "per_class"}, 2),
        (2, {"model": "capsnet"}, 2),  # makes a feature for each class
        (3, {}, 3),
    ],
)
def test_there_is_one_logit_or_one_per_class(tmp_path, classes, flags, num_logits):
    assert _spec(tmp_path, classes, **flags).num_logits == num_logits


def test_the_flags_of_the_head_reach_the_model(tmp_path):
    spec = _spec(
        tmp_path,
        head="flatten",
        head_units="8,4",
        head_batch_norm=True,
        feature_dropout=0.5,
        dropout=0.1,
        image_size=32,
    )
    assert (spec.head, spec.head_units, spec.head_batch_norm) == ("flatten", (8, 4), True)
    assert (spec.feature_dropout, spec.dropout, spec.image_size) == (0.5, 0.1, 32)


def test_without_a_validation_split_training_is_refused(tmp_path):
    source = dataset.load(tiny.write(tmp_path, validation=0))
    with pytest.raises(exits.DataError, match="no examples in split 'validation'"):
        task.Task(configs.TrainConfig(), source)


@pytest.mark.parametrize("train", [12, 13])  # the last of which is kept, or held out
def test_the_order_of_rows_has_the_training_examples_alone(tmp_path, train):
    directory = tiny.write(tmp_path, train=train, validation=0, shards=1)
    source = reader.hold_out(dataset.load(directory), 0.4)
    indices = np.array([index for index, _ in reader.stored(source, "train")])
    assert (indices[-1] == train - 1) == (train == 12)
    of_task = task.Task(configs.TrainConfig(global_batch_size=1), source)
    row_of, order = of_task.order_of_rows(indices, np.zeros(len(indices), np.int64))
    assert sorted(order(0)) == indices.tolist()
    assert row_of[indices].tolist() == list(range(len(indices)))
    assert len(row_of) == train
