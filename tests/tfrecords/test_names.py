import pytest

from tfrecords import names


def test_shard_name():
    assert names.shard("faces", "train", 3, 16) == "faces-train.tfrecord-00003-of-00016"


@pytest.mark.parametrize(("index", "count"), [(16, 16), (-1, 2), (0, 0), (0, 100_000)])
def test_an_impossible_shard_is_refused(index, count):
    with pytest.raises(ValueError, match=f"index={index}, count={count}"):
        names.shard("faces", "train", index, count)


def test_another_split_is_refused():
    with pytest.raises(ValueError, match="'valid'"):
        names.shard("faces", "valid", 0, 1)


def test_what_is_a_shard():
    assert names.is_shard("faces-train.tfrecord-00003-of-00016")
    assert not names.is_shard("faces-train.tfrecord-00003-of-00016.tmp")
    assert not names.is_shard("manifest.json")


@pytest.mark.parametrize("name", ["Faces", "7faces", "my-faces", "", "a/b"])
def test_names_that_tfds_refuses(name):
    assert not names.is_dataset_name(name)


def test_versions_sort_by_number():
    versions = ["1.10.0", "1.9.0", "2.0.0"]
    assert sorted(versions, key=names.version_key) == ["1.9.0", "1.10.0", "2.0.0"]
    assert not names.is_version("1.0.0.incomplete-abc")


def test_incomplete_directory():
    assert names.incomplete_directory("1.0.0", "a" * 64) == "1.0.0.incomplete-aaaaaaaaaaaa"
