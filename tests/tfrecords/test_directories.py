import fcntl
import pathlib
import subprocess
import sys

import pytest

from tfrecords import directories, exits


def test_a_directory_that_is_in_use_is_refused(tmp_path):
    path = tmp_path / "a" / "run"
    with (
        directories.exclusive(path, "--run_dir"),
        pytest.raises(exits.UsageError, match=r"run is in use by .* choose another --run_dir\."),
        directories.exclusive(path, "--run_dir"),
    ):
        raise AssertionError
    with directories.exclusive(path, "--run_dir"):
        assert path.is_dir()


def test_the_lock_of_another_process_counts_until_it_is_killed(tmp_path):
    hold = (
        "import fcntl, sys, time\n"
        "lock = open(sys.argv[1], 'w')\n"
        "fcntl.flock(lock, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\n"
        "time.sleep(600)\n"
    )
    command = [sys.executable, "-c", hold, str(tmp_path / ".lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(exits.UsageError), directories.exclusive(tmp_path, "--run_dir"):
            raise AssertionError
        holder.kill()
    with directories.exclusive(tmp_path, "--run_dir"):
        pass


def test_a_place_that_cannot_be_written_to_is_named_with_its_flag():
    with (
        pytest.raises(exits.MachineError, match=r"cannot be written to: .* another --data_dir\."),
        directories.exclusive(pathlib.Path("/proc/no/such/place"), "--data_dir"),
    ):
        raise AssertionError


def test_many_read_a_directory_and_none_replaces_it_meanwhile(tmp_path):
    with (
        directories.read(tmp_path),
        directories.read(tmp_path),
        pytest.raises(exits.UsageError, match="is being read by another process, such as a"),
        directories.replace(tmp_path),
    ):
        raise AssertionError
    with directories.replace(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_being_replaced_is_not_read(tmp_path):
    with (
        directories.replace(tmp_path),
        pytest.raises(exits.DataError, match="is being replaced by a build. Run the same"),
        directories.read(tmp_path),
    ):
        raise AssertionError


def test_a_directory_that_was_replaced_before_it_could_be_held_is_not_read(tmp_path, monkeypatch):
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    original = fcntl.flock

    def replaced_at_the_last_moment(descriptor, kind):
        old.rename(tmp_path / "gone")
        new.rename(old)
        original(descriptor, kind)

    monkeypatch.setattr(fcntl, "flock", replaced_at_the_last_moment)
    with pytest.raises(exits.DataError, match="is being replaced"), directories.read(old):
        raise AssertionError


@pytest.mark.parametrize("below", ["", "sample", "sample/1.0.0"])
def test_a_file_in_the_place_of_a_directory_is_refused(tmp_path, below):
    (tmp_path / "notes.txt").write_text("x")
    with (
        pytest.raises(exits.UsageError, match=r"--data_dir must be a dir.*notes\.txt, a file\."),
        directories.exclusive(tmp_path / "notes.txt" / below, "--data_dir"),
    ):
        raise AssertionError
    assert (tmp_path / "notes.txt").read_text() == "x"
