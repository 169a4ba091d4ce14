import collections
import dataclasses
import errno
import hashlib
import json
import os
import pathlib
import shutil

import pytest

from data_pipeline import faults, pipeline, repair
from data_pipeline.config import BuildConfig
from data_pipeline.mending import repairing, verification
from tests.data_pipeline import painted
from tfrecords import dataset, directories, example, exits, framing, manifest

TRAIN = "tiny-train.tfrecord-00000-of-00002"
OTHER = "tiny-train.tfrecord-00001-of-00002"
TEST = "tiny-test.tfrecord-00000-of-00001"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A dataset of twelve images in four shards, and its source."""
    root = tmp_path_factory.mktemp("built")
    pipeline.build_dataset(painted.build(root))
    return root


@pytest.fixture
def directory(built, tmp_path):
    """A copy of that dataset."""
    shutil.copytree(built / "data", tmp_path / "data")
    return tmp_path / "data" / "tiny" / "1.0.0"


def _content(directory):
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*")
        if path.is_file()
    }


def _flip(path, place=300):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def _ids(directory):
    return {
        path.name: [
            example.decode(record)["image_id"][0].decode() for record in framing.read_records(path)
        ]
        for path in sorted(directory.glob("*tfrecord*"))
    }


def _left(directory):
    return sorted(path.name for path in directory.parent.iterdir() if path.name[0] != ".")


def test_a_whole_dataset_is_left_alone(directory, capsys):
    before = directory.stat().st_ino
    repairing.repair(directory)
    assert directory.stat().st_ino == before
    assert "Nothing is to be done" in capsys.readouterr().out


def test_damaged_shards_are_written_again_from_the_source_to_the_same_bytes(directory, capsys):
    before = _content(directory)
    _flip(directory / TRAIN)
    (directory / TEST).unlink()
    untouched = (directory / OTHER).stat().st_ino
    repairing.repair(directory)
    assert _content(directory) == before
    assert (directory / OTHER).stat().st_ino == untouched
    assert _left(directory) == ["1.0.0"]
    said = capsys.readouterr().out
    assert f"{TRAIN}: record 0 (fake/001.jpg) fails its checksum, at byte 0" in said
    assert "Written again from the source, the same to the byte: 2 shards." in said
    assert "Lost" not in said


def test_a_source_named_from_another_directory_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    built = pipeline.build_dataset(painted.build(pathlib.Path()))
    assert "--source=source" in built.manifest.command
    before = _content(tmp_path / built.directory)
    _flip(tmp_path / built.directory / TRAIN)
    monkeypatch.chdir(tmp_path / "source")
    repairing.repair(tmp_path / built.directory)
    assert _content(tmp_path / built.directory) == before


def test_other_files_are_kept_and_those_of_tensorflow_datasets_made_anew(directory):
    before = _content(directory)
    (directory / "notes.txt").write_text("mine")
    (directory / "features.json").write_text("{}")
    surplus = directory / "tiny-test.tfrecord-00001-of-00002"
    surplus.write_bytes(b"")
    repairing.repair(directory)
    (directory / "notes.txt").unlink()
    assert _content(directory) == before


@pytest.fixture
def moved(directory, built, monkeypatch):
    """The source lies elsewhere now."""
    monkeypatch.setattr(
        repairing,
        "_config",
        lambda directory, content, source, original=repairing._config: original(
            directory, content, source or "/no/such/place"
        ),
    )
    return directory


def test_a_source_that_lies_elsewhere_now_can_be_named(moved, built):
    before = _content(moved)
    _flip(moved / TRAIN)
    repairing.repair(moved, source=str(built / "source"))
    assert _content(moved) == before


def test_without_the_source_a_flipped_byte_costs_one_record(moved, capsys):
    ids = _ids(moved)
    old = manifest.read(moved)
    _flip(moved / TRAIN)
    damaged = (moved / TRAIN).read_bytes()
    repairing.repair(moved)
    ids[TRAIN].remove("fake/001.jpg")
    assert _ids(moved) == ids
    verification.verify(moved, full=True)
    content = manifest.read(moved)
    assert content.splits["train"].counts == {"label": {"real": 3, "fake": 2}}
    assert (content.num_examples, content.listed, content.rejects) == (11, 12, {"lost": 1})
    assert content.plan_digest != old.plan_digest
    (line,) = (moved / "rejects.jsonl").read_text().splitlines()
    assert json.loads(line)["image_id"] == "fake/001.jpg"
    numbers = json.loads((moved / "statistics.json").read_text())
    assert (numbers["written"], numbers["rejects"]) == (11, {"lost": 1})
    assert numbers["stored"]["bytes"] == sum(len(p.read_bytes()) for p in moved.glob("*tfrec*"))
    said = capsys.readouterr().out
    assert "The source cannot help: " in said
    assert "Saved without the source: 2 records of 1 shard." in said
    assert "Lost: 1 record.\n  train      label real 0, fake 1\n" in said
    assert (moved.parent / "1.0.0.damaged" / TRAIN).read_bytes() == damaged


def test_a_build_names_what_a_repair_could_not_save_and_makes_it_whole(moved, built):
    ids = _ids(moved)
    _flip(moved / TRAIN)
    repairing.repair(moved)
    config = dataclasses.replace(
        painted.build(built), source=str(built / "source"), data_dir=str(moved.parent.parent)
    )
    with pytest.raises(exits.UsageError, match=r"lacks records that .* not save: 1\. Use"):
        pipeline.build_dataset(config)
    pipeline.build_dataset(dataclasses.replace(config, overwrite=True))
    assert _ids(moved) == ids


def test_without_the_source_a_shard_of_which_nothing_is_left_is_gone(moved):
    ids = _ids(moved)
    (moved / TRAIN).write_bytes(b"nothing")
    repairing.repair(moved)
    assert _ids(moved) == {
        "tiny-test.tfrecord-00000-of-00001": ids[TEST],
        "tiny-train.tfrecord-00000-of-00001": ids[OTHER],
        "tiny-validation.tfrecord-00000-of-00001": ids["tiny-validation.tfrecord-00000-of-00001"],
    }
    verification.verify(moved, full=True)
    info = json.loads((moved / "dataset_info.json").read_text())
    assert info["splits"][0]["shardLengths"] == ["3"]
    assert manifest.read(moved).rejects == {"lost": 3}


def test_without_the_source_a_split_may_be_lost_with_its_only_shard(moved, capsys):
    (moved / TEST).unlink()
    repairing.repair(moved)
    verification.verify(moved, full=True)
    assert manifest.read(moved).splits["test"].counts == {"label": {"real": 0, "fake": 0}}
    assert "lost" in (moved / "report.html").read_text()
    assert not (moved.parent / "1.0.0.damaged").exists()
    said = capsys.readouterr().out
    assert "could not be brought up to date" not in said
    assert "Lost: 2 records.\n  test       label real 1, fake 1\n" in said


def test_a_source_that_was_named_and_cannot_help_costs_nothing(directory, built, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(built / "source", source)
    (source / "fake" / "003.jpg").write_bytes(painted.jpeg(250))
    _flip(directory / TRAIN)
    damaged = _content(directory)
    with pytest.raises(exits.DataError, match=r"has changed\. Nothing .* --nouse_source"):
        repairing.repair(directory, source=str(source))
    assert _content(directory) == damaged


def test_a_file_of_the_source_that_cannot_be_read_now_costs_nothing(directory, monkeypatch):
    whole = _content(directory)
    _flip(directory / TRAIN)
    damaged = _content(directory)
    monkeypatch.setenv("DATA_PIPELINE_FAULTS", "read:1:eio")
    monkeypatch.setattr(faults, "_counts", collections.Counter())
    with pytest.raises(exits.MachineError, match=r"Input/output error\. Nothing .* --nouse_source"):
        repairing.repair(directory)
    assert _content(directory) == damaged
    repairing.repair(directory)
    assert _content(directory) == whole


def test_the_source_may_be_done_without(directory):
    _flip(directory / TRAIN)
    repairing.repair(directory, use_source=False)
    assert manifest.read(directory).rejects == {"lost": 1}


def test_a_dataset_without_any_readable_record_is_left_as_it_is(moved):
    for path in moved.glob("*tfrecord*"):
        path.write_bytes(b"nothing")
    before = _content(moved)
    with pytest.raises(exits.DataError, match="No record can be read"):
        repairing.repair(moved)
    assert _content(moved) == before


def test_a_dataset_that_is_read_is_not_repaired_meanwhile(directory):
    _flip(directory / TRAIN)
    before = _content(directory)
    with directories.read(directory), pytest.raises(exits.UsageError, match="is being read"):
        repairing.repair(directory)
    assert _content(directory) == before


def test_a_dataset_that_was_renamed_is_repaired_without_its_source(directory, capsys):
    renamed = directory.with_name("2.0.0")
    directory.rename(renamed)
    _flip(renamed / TRAIN)
    repairing.repair(renamed)
    assert "it must lie in tiny/1.0.0" in capsys.readouterr().out
    assert dataset.load(renamed).manifest.num_examples == 11


@pytest.mark.parametrize("number", range(1, 26, 4))
def test_a_repair_that_is_stopped_leaves_the_old_dataset_or_the_new(directory, monkeypatch, number):
    whole = _content(directory)
    _flip(directory / TRAIN)
    damaged = _content(directory)
    calls = []

    def stop(operation):
        calls.append(operation)
        if len(calls) == number:
            raise OSError(errno.EIO, "stopped")

    with monkeypatch.context() as patch:
        patch.setattr("data_pipeline.faults.before", stop)
        with pytest.raises((OSError, exits.MachineError)):
            repairing.repair(directory)
    assert _content(directory) in (damaged, whole)
    repairing.repair(directory)
    assert _content(directory) == whole


def test_a_file_system_without_hard_links_is_good_enough(directory, monkeypatch):
    before = _content(directory)
    _flip(directory / TRAIN)

    def refuse(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    repairing.repair(directory)
    assert _content(directory) == before


def test_what_a_repair_leaves_is_found_complete_by_the_build(directory, built, capsys):
    _flip(directory / TRAIN)
    repairing.repair(directory)
    options = manifest.read(directory).options
    config = BuildConfig(**options, data_dir=str(directory.parents[1]))
    pipeline.build_dataset(config)
    assert "complete already" in capsys.readouterr().out


def test_the_command_takes_one_directory():
    assert repair.parse_flags(["repair", "data/x"]) == ["repair", "data/x"]
    with pytest.raises(exits.UsageError, match="Name the directory of one dataset"):
        repair.parse_flags(["repair"])
