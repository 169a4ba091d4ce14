import pytest
import tensorflow_datasets as tfds

from tests import tiny
from tfrecords import framing, names, schema, tfds_files
from tfrecords import manifest as manifests


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


@pytest.fixture
def with_attributes(tmp_path):
    """Two records with two targets and two texts, written by the contract alone."""
    directory = tmp_path / "faces" / "1.0.0"
    directory.mkdir(parents=True)
    name = names.shard("faces", "train", 0, 1)
    with framing.RecordWriter(directory / name) as writer:
        for index, quality in enumerate(("fine", "café")):
            targets = {"label": index, "content": 2 - index}
            texts = {"source": f"camera {index}", "quality": quality}
            record = schema.Record(
                tiny.jpeg(90), targets, f"{index}.jpg", f"person {index}", 16, 16, texts
            )
            writer.write(record.serialize())
    shard = manifests.Shard(name, writer.records, writer.num_bytes, writer.sha256)
    counts = {"label": {"real": 1, "fake": 1}, "content": {"a": 0, "b": 1, "c": 1}}
    content = manifests.Manifest(
        dataset="faces",
        version="1.0.0",
        targets={"label": tiny.LABEL, "content": manifests.Target(("a", "b", "c"))},
        attributes=("quality", "source"),
        splits={"train": manifests.Split((shard,), counts)},
        image_size=16,
        plan_digest="0" * 64,
        command="",
        options={},
        listed=2,
        duplicates=0,
        rejects={},
        code_version="0",
    )
    tfds_files.write(content, directory)
    manifests.write(content, directory)
    return tmp_path


def test_tfds_reads_each_target_and_each_text(with_attributes):
    loaded, info = tfds.load(
        "faces", split="train", data_dir=str(with_attributes), with_info=True, shuffle_files=False
    )
    assert info.features["content"].names == ["a", "b", "c"]
    assert isinstance(info.features["quality"], tfds.features.Text)
    fields = ("label", "content", "image_id", "group_id", "source", "quality")
    assert [[example[field].numpy() for field in fields] for example in loaded] == [
        [0, 2, b"0.jpg", b"person 0", b"camera 0", b"fine"],
        [1, 1, b"1.jpg", b"person 1", b"camera 1", "café".encode()],
    ]
    read = manifests.read(with_attributes / "faces" / "1.0.0")
    assert read.attributes == ("quality", "source")


def test_the_texts_are_what_is_written(tmp_path):
    directory = tiny.write(tmp_path)
    texts = tfds_files.texts(manifests.read(directory))
    assert sorted(texts) == ["dataset_info.json", "features.json", "label.labels.txt"]
    assert all((directory / name).read_text() == text for name, text in texts.items())
