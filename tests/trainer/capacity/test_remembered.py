import pathlib

import pytest

from trainer.capacity import remembered


def test_a_size_comes_back_under_its_own_key(tmp_path):
    path = tmp_path / "new" / "sizes.json"
    remembered.write("xception", 32, path)
    remembered.write("vgg16", 8, path)
    remembered.write("xception", 16, path)
    assert remembered.read("xception", path) == 16
    assert remembered.read("vgg16", path) == 8
    assert remembered.read("cnn", path) is None
    assert [entry.name for entry in path.parent.iterdir()] == ["sizes.json"]


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"cnn": "4"}', '{"cnn": -1}'])
def test_a_damaged_file_is_as_none_and_written_anew(tmp_path, content):
    path = tmp_path / "sizes.json"
    path.write_text(content)
    assert remembered.read("cnn", path) is None
    remembered.write("cnn", 4, path)
    assert remembered.read("cnn", path) == 4


def test_a_place_that_cannot_be_written_to_is_done_without(tmp_path):
    (tmp_path / "file").write_text("")
    remembered.write("cnn", 4, tmp_path / "file" / "sizes.json")
    assert remembered.read("cnn", tmp_path / "file" / "sizes.json") is None


def test_the_place_is_that_of_the_users_caches(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    expected = pathlib.Path("/somewhere/deepfake_trainer/micro_batches.json")
    assert remembered.default_path() == expected
