"""Builds that are killed, or whose disk fails: the old dataset or the new one, never a mixture."""

import dataclasses
import hashlib
import pathlib
import random
import shutil
import signal
import tempfile

import pytest

from data_pipeline import pipeline
from tests.data_pipeline import forked, painted
from tfrecords import dataset, directories, exits, names

# How often a build over an older dataset does each of them; the extraction is that of videos.
TIMES = {"list": 1, "scan": 1, "read": 24, "write": 30, "fsync": 10, "rename": 11, "remove": 17}
MOMENTS = [(operation, number + 1) for operation in TIMES for number in range(TIMES[operation])]
KILLS = sorted(random.Random(5).sample(MOMENTS, 30))

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def builds(tmp_path_factory):
    """The configuration of a build, a directory with an older dataset, and the bytes of both."""
    root = tmp_path_factory.mktemp("builds")
    old = dataclasses.replace(painted.build(root), data_dir=str(root / "old"))
    assert forked.build(dataclasses.replace(old, seed=1), root / "old.txt") == 0
    shutil.rmtree(root / "old" / "tiny" / pipeline.scan_cache(256))
    new = dataclasses.replace(old, data_dir=str(root / "new"))
    assert forked.build(new, root / "new.txt") == 0
    return new, root / "old", _shards(_content(root / "old")), _content(root / "new")


def _content(data_dir):
    """Returns the sha256 of each file of the dataset, wherever it lies."""
    directory = data_dir / "tiny" / "1.0.0"
    return {
        path.name: hashlib.sha256(
            path.read_bytes().replace(str(data_dir).encode(), b"")  # the command names it
        ).hexdigest()
        for path in directory.rglob("*")
        if path.is_file()
    }


def _shards(content):
    return {name: digest for name, digest in content.items() if names.is_shard(name)}


def _again(builds, tmp_path):
    """Returns the configuration of a build that replaces a copy of the older dataset."""
    config, old, _, _ = builds
    shutil.copytree(old, tmp_path / "data")
    return dataclasses.replace(config, data_dir=str(tmp_path / "data"), overwrite=True)


@pytest.mark.parametrize(("operation", "number"), KILLS)
def test_a_build_killed_at_any_moment_leaves_one_dataset_and_is_finished_by_the_next(
    builds, tmp_path, operation, number
):
    _, _, old, new = builds
    config = _again(builds, tmp_path)
    code = forked.build(
        config, tmp_path / "output.txt", DATA_PIPELINE_FAULTS=f"{operation}:{number}:kill"
    )
    assert code == -signal.SIGKILL
    dataset.load(config.directory)
    assert _shards(_content(tmp_path / "data")) in (old, _shards(new))
    assert forked.build(config, tmp_path / "output.txt") == 0
    assert _content(tmp_path / "data") == new
    assert _left(config) == [".lock", pipeline.scan_cache(256), "1.0.0"]


def _left(config):
    return sorted(path.name for path in config.parent.iterdir())


@pytest.mark.parametrize("effect", ["enospc", "eio"])
@pytest.mark.parametrize("operation", TIMES)
def test_a_full_or_failing_disk_ends_a_build_with_a_word_and_the_next_finishes(
    builds, tmp_path, operation, effect
):
    _, _, old, new = builds
    config = _again(builds, tmp_path)
    number = random.Random(operation).randint(1, TIMES[operation])
    code = forked.build(
        config, tmp_path / "output.txt", DATA_PIPELINE_FAULTS=f"{operation}:{number}:{effect}"
    )
    said = (tmp_path / "output.txt").read_text()
    assert "Traceback" not in said
    if operation == "read":  # a file that cannot be read is a reject, and too many of them
        assert code == exits.BAD_DATA
        assert "1 of 12 files were rejected (unreadable 1)" in said
    else:
        assert code == exits.ENVIRONMENT
        assert ("full" if effect == "enospc" else "failed") in said
    dataset.load(config.directory)
    assert _shards(_content(tmp_path / "data")) in (old, _shards(new))
    assert forked.build(config, tmp_path / "output.txt") == 0
    assert _content(tmp_path / "data") == new


def test_a_temporary_directory_on_another_file_system_changes_nothing(builds, tmp_path):
    shared_memory = pathlib.Path("/dev/shm")  # noqa: S108
    if not shared_memory.is_dir() or shared_memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs a second file system")
    config = _again(builds, tmp_path)
    with tempfile.TemporaryDirectory(dir=shared_memory) as elsewhere:
        assert forked.build(config, tmp_path / "output.txt", TMPDIR=elsewhere) == 0
    assert _content(tmp_path / "data") == builds[3]


def test_a_second_build_on_the_same_directory_is_refused(builds, tmp_path):
    config = _again(builds, tmp_path)
    with directories.exclusive(config.parent, "--data_dir"):
        assert forked.build(config, tmp_path / "output.txt") == exits.USAGE
    assert "is in use by another process" in (tmp_path / "output.txt").read_text()
    assert _shards(_content(tmp_path / "data")) == builds[2]


def test_a_source_that_changed_under_a_build_is_noticed(builds, tmp_path):
    source = tmp_path / "source"
    painted.folder(source)
    config = dataclasses.replace(builds[0], source=str(source), data_dir=str(tmp_path / "data"))
    output = tmp_path / "output.txt"
    assert forked.build(config, output, DATA_PIPELINE_FAULTS="write:10:kill") == -signal.SIGKILL
    (source / "real" / "002.jpg").write_bytes(painted.jpeg(123))
    assert forked.build(config, output) == 0
    assert "An unfinished build of this version had another plan" in output.read_text()
    undisturbed = dataclasses.replace(config, data_dir=str(tmp_path / "undisturbed"))
    assert forked.build(undisturbed, output) == 0
    assert "unfinished" not in output.read_text()
    changed = _shards(_content(tmp_path / "data"))
    assert changed == _shards(_content(tmp_path / "undisturbed"))
    assert changed != _shards(builds[3])
