import shutil

import pytest

from data_pipeline import publish
from tests import tiny
from tfrecords import directories, exits


@pytest.fixture
def two_datasets(tmp_path):
    """A published dataset, and a new one under another name."""
    old = tiny.write(tmp_path / "a")
    new = tiny.write(tmp_path / "b", train=24).rename(old.with_name("1.0.0.incomplete-x"))
    return old, new


def test_a_new_dataset_gets_its_name(tmp_path):
    new = tiny.write(tmp_path).rename(tmp_path / "tiny" / "1.0.0.incomplete-x")
    built = publish.swap_in(new, tmp_path / "tiny" / "1.0.0")
    assert built.manifest.num_examples == 74
    assert not new.exists()


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_new_dataset_takes_the_place_of_the_old_one(two_datasets, monkeypatch, can_exchange):
    old, new = two_datasets
    if not can_exchange:
        monkeypatch.setattr(publish, "_exchange", lambda first, second: False)
    assert publish.swap_in(new, old).manifest.num_examples == 50
    assert [path.name for path in old.parent.iterdir()] == ["1.0.0"]


def test_a_dataset_that_is_read_keeps_its_place(two_datasets):
    old, new = two_datasets
    with (
        directories.read(old),
        pytest.raises(exits.UsageError, match="is being read by another process.* What is built"),
    ):
        publish.swap_in(new, old)
    assert publish.dataset.load(old).manifest.num_examples == 74
    assert publish.swap_in(new, old).manifest.num_examples == 50


def test_a_damaged_dataset_does_not_take_a_good_ones_place(two_datasets):
    old, new = two_datasets
    (new / "tiny-test.tfrecord-00000-of-00003").write_bytes(b"")
    with pytest.raises(exits.DataError, match="is empty"):
        publish.swap_in(new, old)
    assert publish.dataset.load(old).manifest.num_examples == 74


def test_a_dataset_may_be_replaced_whatever_else_was_put_into_it(tmp_path):
    directory = tiny.write(tmp_path)
    (directory / "notes.txt").write_text("mine")
    publish.check_replaceable(directory)


def test_a_dataset_that_is_being_read_is_refused_beforehand(tmp_path):
    directory = tiny.write(tmp_path)
    with directories.read(directory), pytest.raises(exits.UsageError, match="is being read"):
        publish.check_replaceable(directory)


def test_what_a_build_left_without_a_manifest_may_be_replaced(tmp_path):
    directory = tiny.write(tmp_path)
    (directory / "manifest.json").unlink()
    (directory / ".manifest.json.123").write_text("{")
    (directory / ".tiny-test.tfrecord-00000-of-00003.77").write_bytes(b"")
    (directory / ".sidecars").mkdir()
    publish.check_replaceable(directory)
    publish.check_replaceable(tmp_path / "absent")


@pytest.mark.parametrize("name", ["thesis.txt", ".git", "results", "manifest.json"])
def test_what_no_build_has_made_is_not_replaced(tmp_path, name):
    (tmp_path / "1.0.0").mkdir()
    (tmp_path / "1.0.0" / name).write_text("{}")
    (tmp_path / "1.0.0" / "line\nbreak").write_text("")
    with pytest.raises(
        exits.UsageError, match=r"replaces datasets alone.*holds .*line\\nbreak.*Mo"
    ):
        publish.check_replaceable(tmp_path / "1.0.0")


def test_a_link_is_not_replaced(tmp_path):
    (tmp_path / "1.0.0").symlink_to(tiny.write(tmp_path))
    with pytest.raises(exits.UsageError, match="is a file or a link"):
        publish.check_replaceable(tmp_path / "1.0.0")


def test_a_kill_between_two_renames_is_mended(tmp_path):
    old = tiny.write(tmp_path)
    old.rename(old.with_name("1.0.0.replaced"))
    publish.recover(old)
    assert publish.dataset.load(old).manifest.num_examples == 74


def test_a_kill_before_the_old_one_was_deleted_is_mended(tmp_path):
    new = tiny.write(tmp_path)
    shutil.copytree(new, new.with_name("1.0.0.replaced"))
    publish.recover(new)
    assert [path.name for path in new.parent.iterdir()] == ["1.0.0"]


def test_a_kill_after_the_exchange_is_mended(two_datasets):
    new, old = two_datasets
    publish.recover(new)
    assert not old.exists()
    assert publish.dataset.load(new).manifest.num_examples == 74


def test_an_unfinished_build_is_no_old_dataset(two_datasets):
    published, unfinished = two_datasets
    (unfinished / publish.write.SIDECARS).mkdir()
    publish.recover(published)
    assert unfinished.exists()


@pytest.mark.parametrize("can_exchange", [True, False])
@pytest.mark.parametrize("number", [1, 2, 5, 12])
def test_a_kill_while_the_old_one_is_deleted_is_mended(
    two_datasets, monkeypatch, can_exchange, number
):
    old, new = two_datasets
    removals = []

    def stop(operation):
        removals.append(operation)
        if removals.count("remove") == number:
            raise KeyboardInterrupt

    if not can_exchange:
        monkeypatch.setattr(publish, "_exchange", lambda first, second: False)
    with monkeypatch.context() as patch:
        patch.setattr(publish.faults, "before", stop)
        with pytest.raises(KeyboardInterrupt):
            publish.swap_in(new, old)
    assert len(list(old.parent.iterdir())) == 2
    publish.recover(old)
    assert [path.name for path in old.parent.iterdir()] == ["1.0.0"]
    assert publish.dataset.load(old).manifest.num_examples == 50


def test_a_kill_before_the_notes_of_a_build_were_deleted_is_mended(tmp_path):
    directory = tiny.write(tmp_path)
    before = sorted(directory.iterdir())
    (directory / publish.write.SIDECARS).mkdir()
    (directory / publish.COMMAND).write_text("python")
    publish.recover(directory)
    assert sorted(directory.iterdir()) == before
