import json
import shutil

import pytest

from tests import tiny
from tfrecords import dataset, exits

SHARD = "tiny-train.tfrecord-00001-of-00003"
MEND = "Repair it: python -m data_pipeline.repair "


@pytest.fixture
def directory(tmp_path):
    return tiny.write(tmp_path)


def test_a_whole_dataset_is_found(tmp_path, directory):
    found = dataset.find(tmp_path, "tiny")
    assert found.directory == directory
    assert [path.name for path in found.shard_paths("train")] == [
        "tiny-train.tfrecord-00000-of-00003",
        "tiny-train.tfrecord-00001-of-00003",
        "tiny-train.tfrecord-00002-of-00003",
    ]


def test_the_highest_version_is_found(tmp_path, directory):
    shutil.copytree(directory, directory.with_name("1.10.0"))
    shutil.copytree(directory, directory.with_name("1.9.0"))
    assert dataset.find(tmp_path, "tiny").directory.name == "1.10.0"
    assert dataset.find(tmp_path, "tiny", "1.9.0").directory.name == "1.9.0"


def _remove(path):
    path.unlink()


def _empty(path):
    path.write_bytes(b"")


def _cut_at_a_record(path):
    content = path.read_bytes()
    first = 16 + int.from_bytes(content[:8], "little")
    path.write_bytes(content[:first])


def _enlarge(path):
    path.write_bytes(path.read_bytes() + b"x")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_remove, "is missing"),
        (_empty, "is empty; the manifest says 16 records"),
        (_cut_at_a_record, "was shortened: it has .* bytes, the manifest says"),
        (_enlarge, "was enlarged: it has"),
    ],
)
def test_a_damaged_shard_is_named_with_the_command_that_mends_it(directory, damage, words):
    damage(directory / SHARD)
    with pytest.raises(exits.DataError, match=f"{SHARD} {words}") as error:
        dataset.load(directory)
    assert f"{MEND}{directory}" in str(error.value)


def test_a_surplus_shard_is_named(directory):
    surplus = directory / "tiny-train.tfrecord-00003-of-00004"
    surplus.write_bytes(b"x")
    with pytest.raises(exits.DataError, match=f"{surplus.name} is surplus.*{MEND}"):
        dataset.load(directory)


def test_an_unfinished_build_is_named_with_its_command(tmp_path):
    unfinished = tmp_path / "tiny" / "1.0.0.incomplete-abc"
    unfinished.mkdir(parents=True)
    (unfinished / "command.txt").write_text(
        "python -m data_pipeline.build --dataset=tiny --seed=4\n"
    )
    with pytest.raises(exits.DataError, match=r"unfinished: .*incomplete-abc.* --seed=4"):
        dataset.find(tmp_path, "tiny")


def test_an_absent_dataset_names_those_that_are_there(tmp_path, directory):
    with pytest.raises(exits.DataError, match=r"no dataset 'faces' in .*\(there: tiny\)"):
        dataset.find(tmp_path, "faces")


def test_an_absent_version_is_named(tmp_path, directory):
    with pytest.raises(
        exits.DataError, match=r"no version 2\.0\.0 of dataset 'tiny' in .* \(there: 1\.0\.0\)"
    ):
        dataset.find(tmp_path, "tiny", "2.0.0")


def test_a_split_without_examples_is_named(tmp_path):
    found = dataset.load(tiny.write(tmp_path, validation=0))
    with pytest.raises(exits.DataError, match="no examples in split 'validation'") as refused:
        found.split("validation")
    assert "Received: train 48, test 10." in str(refused.value)
    assert "or use --validation_fraction=" in str(refused.value)


def test_a_target_that_the_records_lack_is_wrong_usage(directory):
    with pytest.raises(exits.UsageError, match="no target 'content'. Use --target=label"):
        dataset.load(directory).target("content")


def test_a_manifest_of_another_dataset_is_noticed(directory):
    path = directory / "manifest.json"
    fields = json.loads(path.read_text())
    fields["splits"]["train"]["shards"][0]["name"] = "other-train.tfrecord-00000-of-00003"
    path.write_text(json.dumps(fields))
    with pytest.raises(exits.DataError, match="other-train.tfrecord-00000-of-00003 is missing"):
        dataset.load(directory)


def test_a_data_dir_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(exits.UsageError, match=r"--data_dir must be a directory.*notes\.txt"):
        dataset.find(tmp_path / "notes.txt", "tiny")
