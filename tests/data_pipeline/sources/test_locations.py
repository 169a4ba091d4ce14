import os
import pathlib
import zipfile

import pytest

from data_pipeline.sources import entries, locations


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "a|b" / "source"
    path.mkdir(parents=True)
    (path / "1|2.jpg").write_bytes(b"x")
    return path


def _fingerprint(source):
    (entry,) = entries.find(source)
    return entry.location.fingerprint


def test_a_file_that_is_as_it_was_is_not_outdated(source):
    assert not locations.is_outdated(_fingerprint(source), source)


@pytest.mark.parametrize("has_writer", [False, True])
def test_a_file_that_has_become_a_pipe_holds_nothing_and_keeps_nobody_waiting(tmp_path, has_writer):
    path = tmp_path / "1.jpg"
    path.write_bytes(b"x")
    (entry,) = entries.find(tmp_path)
    path.unlink()
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR) if has_writer else None
    assert entry.location.read() == b""
    if writer is not None:
        os.close(writer)


@pytest.mark.parametrize(
    "change", [pathlib.Path.unlink, lambda path: path.write_bytes(b"other bytes")]
)
def test_a_file_that_is_gone_or_changed_is_outdated_for_its_source_alone(source, change):
    fingerprint = _fingerprint(source)
    change(source / "1|2.jpg")
    assert locations.is_outdated(fingerprint, source)
    assert locations.is_outdated(fingerprint, source.parent)
    assert not locations.is_outdated(fingerprint, source.parent / "sour")
    assert not locations.is_outdated(fingerprint, source / "another")


def test_a_member_is_outdated_where_its_archive_is(tmp_path):
    path = tmp_path / "images.zip"
    for content in ("one", "another"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/1.jpg", content)
        fingerprint = _fingerprint(path)
        assert not locations.is_outdated(fingerprint, path)
        assert not locations.is_outdated(fingerprint, tmp_path)
    path.write_bytes(b"")
    assert locations.is_outdated(fingerprint, path)
    assert locations.is_outdated(fingerprint, tmp_path)


def test_a_member_with_a_very_long_name_is_read_whole(tmp_path):
    path = tmp_path / "images.zip"
    name = "/".join(["folder" * 30] * 8) + "/1.jpg"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, b"content")
    (entry,) = entries.find(path)
    assert entry.path == name
    assert entry.location.read() == b"content"


@pytest.mark.parametrize(
    ("left", "message"),
    [(0, "no member begins at byte 0"), (20, "no member begins"), (40, "at byte 0 of .* damaged")],
)
def test_a_member_of_an_archive_that_was_cut_since_cannot_be_read(tmp_path, left, message):
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/1.jpg", b"content")
    (entry,) = entries.find(path)
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(OSError, match=message):
        entry.location.read()


def test_a_painting_is_of_no_source(tmp_path):
    painting = locations.Painting("animals", False, 0, 1)
    assert not locations.is_outdated(painting.fingerprint, tmp_path)
