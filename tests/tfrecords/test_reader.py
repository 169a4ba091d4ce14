import pytest
import tensorflow as tf

from tests import tiny
from tfrecords import dataset, reader


@pytest.fixture
def source(tmp_path):
    return dataset.load(tiny.write(tmp_path, train=12))


def _read(records):
    return [
        (int(position), reader.parse(serialized, "label")["image_id"].numpy().decode()[-8:-4])
        for position, serialized in records
    ]


def test_evaluation_reads_each_record_once_in_stored_order(source):
    assert _read(reader.for_eval(source, "test")) == list(
        enumerate(["0000", "0003", "0006", "0009", "0001", "0004", "0007", "0002", "0005", "0008"])
    )


def test_the_order_of_training_is_literally_this(source):
    order = [name for _, name in _read(reader.for_train(source, "train", seed=3, epoch=1))]
    assert order == [
        *("0005", "0004", "0006", "0011", "0009", "0002"),
        *("0008", "0007", "0010", "0003", "0001", "0000"),
    ]


def test_each_epoch_holds_each_record_once_in_another_order(source):
    orders = [_read(reader.for_train(source, "train", seed=0, epoch=epoch)) for epoch in range(3)]
    for order in orders:
        assert [position for position, _ in order] == list(range(12))
        assert sorted(name for _, name in order) == [f"{index:04d}" for index in range(12)]
    assert orders[0] != orders[1] != orders[2]


def test_the_order_does_not_depend_on_the_global_seed(source):
    tf.random.set_seed(1)
    order = _read(reader.for_train(source, "train", seed=0, epoch=0))
    tf.random.set_seed(2)
    assert _read(reader.for_train(source, "train", seed=0, epoch=0)) == order


@pytest.mark.parametrize("window", [4, 5, 100])
@pytest.mark.parametrize("start", [0, 1, 4, 7, 11, 12])
def test_starting_later_gives_the_rest_of_the_same_order(source, monkeypatch, window, start):
    monkeypatch.setattr(reader, "WINDOW_RECORDS", window)
    whole = _read(reader.for_train(source, "train", seed=5, epoch=2))
    assert _read(reader.for_train(source, "train", seed=5, epoch=2, start=start)) == whole[start:]


def test_parse_gives_jpeg_label_and_id(source):
    _, serialized = next(iter(reader.for_eval(source, "test")))
    record = reader.parse(serialized, "label")
    assert record["image"].numpy()[:2] == b"\xff\xd8"
    assert record["label"].numpy() == 0
    assert record["image_id"].numpy() == b"test/0000.jpg"
