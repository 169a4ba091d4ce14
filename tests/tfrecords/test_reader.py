import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tfrecords import dataset, exits, reader


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


@pytest.fixture
def without_validation(tmp_path):
    """200 training examples, each four of them of one group."""
    return dataset.load(tiny.write(tmp_path / "none", train=200, validation=0, group_size=4))


def _ids(records):
    return [
        reader.parse(serialized, "label")["image_id"].numpy().decode() for _, serialized in records
    ]


def test_a_part_of_the_training_groups_is_held_out(without_validation):
    carved = reader.hold_out(without_validation, 0.25)
    train = _ids(reader.for_train(carved, "train", seed=0, epoch=0))
    validation = _ids(reader.for_eval(carved, "validation"))
    assert len(train) == carved.split("train").num_examples
    assert len(validation) == carved.split("validation").num_examples
    assert sorted(train + validation) == [f"train/{index:04d}.jpg" for index in range(200)]
    groups = [{int(name[6:10]) // 4 for name in names} for names in (train, validation)]
    assert not groups[0] & groups[1]
    assert 20 <= len(validation) <= 80
    for split, names in (("train", train), ("validation", validation)):
        fakes = sum(int(name[6:10]) % 2 for name in names)
        assert carved.split(split).counts["label"] == {"real": len(names) - fakes, "fake": fakes}
    assert _ids(reader.for_eval(carved, "test")) == _ids(
        reader.for_eval(without_validation, "test")
    )


def test_what_is_held_out_does_not_depend_on_the_seed_and_grows_with_the_fraction(
    without_validation,
):
    small, large = (
        set(_ids(reader.for_eval(reader.hold_out(without_validation, fraction), "validation")))
        for fraction in (0.2, 0.5)
    )
    assert small < large


def test_training_later_in_an_epoch_passes_over_what_is_held_out(without_validation, monkeypatch):
    monkeypatch.setattr(reader, "WINDOW_RECORDS", 16)
    carved = reader.hold_out(without_validation, 0.25)
    whole = _ids(reader.for_train(carved, "train", seed=0, epoch=1))
    assert _ids(reader.for_train(carved, "train", seed=0, epoch=1, start=21)) == whole[21:]


def test_the_second_time_nothing_is_counted(without_validation, monkeypatch):
    first = reader.hold_out(without_validation, 0.25)
    monkeypatch.setattr(reader, "_count", None)
    assert reader.hold_out(without_validation, 0.25) == first


def test_a_validation_split_that_is_there_is_kept(tmp_path, source, without_validation):
    assert reader.hold_out(source, 0.25) is source
    assert reader.hold_out(without_validation, 0.0) is without_validation


def test_a_damaged_record_is_noticed_while_counting(without_validation):
    path = without_validation.shard_paths("train")[1]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(exits.DataError, match="A record of .*tiny/1.0.0 is damaged.* Repair it: "):
        reader.hold_out(without_validation, 0.25)


def _indices(source, split, is_member, *, seed, epoch, start=0, balanced=None):
    order = reader.TrainOrder(source, split, is_member, seed=seed, balanced=balanced)
    order(epoch + 1)  # as one that has served another epoch
    return list(enumerate(order(epoch, start).tolist(), start))


def _names_by_index(source, split):
    return {
        int(index): reader.parse(serialized, "label")["image_id"].numpy().decode()[-8:-4]
        for index, serialized in reader.stored(source, split)
    }


@pytest.mark.parametrize(("window", "block", "start"), [(2048, 16, 0), (5, 2, 0), (5, 1, 7)])
def test_the_order_without_records_is_that_of_the_records(
    source, monkeypatch, window, block, start
):
    monkeypatch.setattr(reader, "WINDOW_RECORDS", window)
    monkeypatch.setattr(reader, "BLOCK_RECORDS", block)
    names = _names_by_index(source, "train")
    assert sorted(names) == list(range(12))
    place = {"seed": 3, "epoch": 1, "start": start}
    order = _indices(source, "train", np.ones(12, bool), **place)
    read = _read(reader.for_train(source, "train", **place))
    assert [(position, names[index]) for position, index in order] == read


def test_the_order_without_records_leaves_out_what_is_held_out(without_validation):
    carved = reader.hold_out(without_validation, 0.25)
    names = _names_by_index(carved, "train")
    is_member = np.zeros(200, bool)
    is_member[list(names)] = True
    assert 0 < is_member.sum() < 200
    order = _indices(carved, "train", is_member, seed=0, epoch=2)
    read = _read(reader.for_train(carved, "train", seed=0, epoch=2))
    assert [(position, names[index]) for position, index in order] == read


@pytest.fixture
def uneven(tmp_path):
    """One shard of twelve examples, of which 10, 1 and 1 are of the classes a, b and c."""
    return dataset.load(
        tiny.write(
            tmp_path, train=12, shards=1, class_names=("a", "b", "c"), labels=[0] * 10 + [1, 2]
        )
    )


def _labels(records):
    return [int(reader.parse(serialized, "label")["label"]) for _, serialized in records]


def test_balanced_classes_come_equally_often_in_an_epoch_of_the_same_length(uneven):
    records = reader.for_train(uneven, "train", seed=0, epoch=0, balanced="label")
    assert sorted(_labels(records)) == [0] * 4 + [1] * 4 + [2] * 4
    assert [position for position, _ in _read(records)] == list(range(12))


def test_of_a_frequent_class_other_examples_come_in_each_epoch(uneven):
    seen = [
        name
        for epoch in range(10)
        for _, name in _read(
            reader.for_train(uneven, "train", seed=0, epoch=epoch, balanced="label")
        )
    ]
    assert set(seen) == {f"{index:04d}" for index in range(12)}
    assert seen.count("0010") == seen.count("0011") == 10 * 4


@pytest.mark.parametrize("start", [1, 5, 11])
def test_a_balanced_epoch_goes_on_where_it_was(uneven, monkeypatch, start):
    monkeypatch.setattr(reader, "WINDOW_RECORDS", 4)
    monkeypatch.setattr(reader, "COUNTED_RECORDS", 5)
    options = {"seed": 5, "epoch": 2, "balanced": "label"}
    whole = _read(reader.for_train(uneven, "train", **options))
    assert _read(reader.for_train(uneven, "train", **options, start=start)) == whole[start:]


def test_the_balanced_order_without_records_is_that_of_the_records(uneven):
    names = _names_by_index(uneven, "train")
    place = {"seed": 3, "epoch": 1}
    labels = np.array([0] * 10 + [1, 2])
    order = _indices(uneven, "train", np.ones(12, bool), **place, balanced=labels)
    read = _read(reader.for_train(uneven, "train", **place, balanced="label"))
    assert [(position, names[index]) for position, index in order] == read


def test_classes_that_are_balanced_already_come_once_each(source):
    records = reader.for_train(source, "train", seed=3, epoch=1, balanced="label")
    assert _read(records) == _read(reader.for_train(source, "train", seed=3, epoch=1))
