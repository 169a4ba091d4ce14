import dataclasses
import json

import pytest

from tests import tiny
from tfrecords import exits, manifest

SHARD = manifest.Shard("a", 2, 10, "0" * 64)


def test_reading_gives_back_what_was_written(tmp_path):
    directory = tiny.write(tmp_path)
    content = manifest.read(directory)
    manifest.write(content, directory)
    assert manifest.read(directory) == content
    assert content.num_examples == 74
    assert content.splits["test"].num_examples == 10
    assert content.targets["label"].positive == "fake"


def test_a_directory_without_a_manifest_is_no_dataset(tmp_path):
    with pytest.raises(exits.DataError, match="is no dataset.*data_pipeline.build"):
        manifest.read(tmp_path)


def test_the_versions_of_a_dataset_are_named_to_who_names_none(tmp_path):
    directory = tiny.write(tmp_path)
    with pytest.raises(exits.DataError, match=f"but holds 1.0.0. Name one of them: {directory}"):
        manifest.read(directory.parent)


def test_a_file_is_no_dataset(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(exits.DataError, match="file is no dataset"):
        manifest.read(tmp_path / "file")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format_version": 1}'])
def test_a_damaged_manifest_is_named(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(exits.DataError, match=r"manifest\.json cannot be read"):
        manifest.read(tmp_path)


def test_an_unknown_format_version_is_named(tmp_path):
    directory = tiny.write(tmp_path)
    path = directory / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 2}))
    with pytest.raises(exits.DataError, match="format version is 2 and this software reads 1"):
        manifest.read(directory)


def test_files_that_are_not_accounted_for_are_refused(tmp_path):
    content = manifest.read(tiny.write(tmp_path))
    with pytest.raises(ValueError, match="Each of the 75 listed files"):
        dataclasses.replace(content, listed=75)


def test_counts_must_add_up():
    with pytest.raises(ValueError, match="must add up to the 2 records"):
        manifest.Split((SHARD,), {"label": {"real": 1, "fake": 2}})


def test_an_empty_shard_is_refused():
    with pytest.raises(ValueError, match="must hold records"):
        dataclasses.replace(SHARD, records=0)


@pytest.mark.parametrize("class_names", [("real",), ("a", "a")])
def test_a_target_needs_two_different_classes(class_names):
    with pytest.raises(ValueError, match="two or more different classes"):
        manifest.Target(class_names)


def test_the_positive_class_is_one_of_the_classes():
    with pytest.raises(ValueError, match="must be one of the classes"):
        manifest.Target(("cat", "dog"), "fake")
