from data_pipeline.reporting import samples
from tests import tiny
from tfrecords import dataset


def test_each_class_of_each_split_has_its_samples(tmp_path):
    built = dataset.load(tiny.write(tmp_path, train=48, validation=16, test=5))
    found = samples.find(built)
    assert {
        name: {split: len(jpegs) for split, jpegs in by_split.items()}
        for name, by_split in found["label"].items()
    } == {
        "real": {"train": 8, "validation": 8, "test": 3},
        "fake": {"train": 8, "validation": 8, "test": 2},
    }
    assert found["label"]["real"]["train"][0] == tiny.jpeg(60, seed=0)
    assert found["label"]["fake"]["train"][0] == tiny.jpeg(180, seed=3)


def test_of_many_classes_the_first_are_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "CLASSES", 1)
    found = samples.find(dataset.load(tiny.write(tmp_path, train=48)))
    assert list(found["label"]) == ["real"]
    assert len(found["label"]["real"]["train"]) == 8


def test_no_more_is_read_than_allowed(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "MAX_RECORDS", 3)
    found = samples.find(dataset.load(tiny.write(tmp_path)))
    assert sum(len(by_split["train"]) for by_split in found["label"].values()) == 3
