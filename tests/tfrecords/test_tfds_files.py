import tensorflow_datasets as tfds

from tests import tiny


def test_tfds_loads_the_directory_with_its_labels(tmp_path):
    tiny.write(tmp_path)
    loaded, info = tfds.load("tiny", split="test", data_dir=str(tmp_path), with_info=True)
    examples = list(loaded)
    assert info.features["label"].names == ["real", "fake"]
    assert {name: split.num_examples for name, split in info.splits.items()} == {
        "train": 48,
        "validation": 16,
        "test": 10,
    }
    assert len(examples) == 10
    assert examples[0]["image"].shape == (16, 16, 3)
    assert examples[0]["image_id"].numpy() == b"test/0000.jpg"


def test_tfds_reads_sub_splits(tmp_path):
    tiny.write(tmp_path)
    part = tfds.load("tiny", split="train[:25%]", data_dir=str(tmp_path))
    assert len(list(part)) == 12
