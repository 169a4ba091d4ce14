import zipfile

import pytest

from data_pipeline.video import face_archive
from data_pipeline.video.face_search import Face, Rejection, Sample, Track
from data_pipeline.video.faces import Box

TRACK = Track(
    width=320,
    height=240,
    duration=1.2,
    samples=(
        Sample(0.15, 4, (Box(1, 2, 31, 32), Box(-5, 0, 9, 14))),
        Sample(0.45, 11, ()),
    ),
)
FACES = [Face(4, 0, b"first"), Face(4, 1, b"second")]


def test_what_is_written_is_read_again(tmp_path):
    path = tmp_path / "ab" / "cd.zip"
    face_archive.write(path, (TRACK, FACES))
    stored = face_archive.read(path)
    assert stored.track == TRACK
    assert {place: location.read() for place, location in stored.faces.items()} == {
        (4, 0): b"first",
        (4, 1): b"second",
    }
    assert [path.name for path in path.parent.iterdir()] == ["cd.zip"]


def test_the_same_findings_give_the_same_bytes(tmp_path):
    for name in ("a.zip", "b.zip"):
        face_archive.write(tmp_path / name, (TRACK, FACES))
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_rejection_is_kept_too(tmp_path):
    face_archive.write(tmp_path / "a.zip", Rejection("no_face", "none on 4 frames"))
    assert face_archive.read(tmp_path / "a.zip") == Rejection("no_face", "none on 4 frames")


@pytest.mark.parametrize("keep", [0, 10, -10])
def test_a_damaged_archive_was_never_written(tmp_path, keep):
    path = tmp_path / "a.zip"
    assert face_archive.read(path) is None
    face_archive.write(path, (TRACK, FACES))
    path.write_bytes(path.read_bytes()[:keep])
    assert face_archive.read(path) is None


def test_a_foreign_archive_is_none_of_ours(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("track.json", "[]")
    assert face_archive.read(tmp_path / "a.zip") is None
