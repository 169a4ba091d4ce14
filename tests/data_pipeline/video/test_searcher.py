"""Videos that end the process that searches them, and what becomes of their neighbours."""

import types

import pytest

from data_pipeline.isolation import calls, child
from data_pipeline.sources.locations import File
from data_pipeline.video import face_search, searcher
from data_pipeline.video.face_search import Options, Rejection
from tests.data_pipeline import fragile_searcher as fragile
from tests.data_pipeline import painted_videos

OPTIONS = Options(
    frames_per_video=2, face_size=128, face_margin=1.3, max_faces=1, face_detector="dlib"
)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("videos") / "good.mp4"
    return painted_videos.write(path, painted_videos.frames(0))


def _location(path):
    status = path.stat()
    return File(str(path), status.st_size, status.st_mtime_ns)


def _find(*paths):
    futures = [
        calls.submit(searcher.PROGRAM, "find", _location(path), OPTIONS, None) for path in paths
    ]
    return [future.result(60) for future in futures]


def test_a_child_finds_what_the_search_finds(video):
    assert _find(video) == [face_search.find(video, OPTIONS)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (fragile.ABORTS, Rejection("crashed", "its decoder ended with SIGABRT")),
        (fragile.HANGS, Rejection("timeout", "took more than 2 seconds for one packet")),
        (fragile.HANGS_MIDWAY, Rejection("timeout", "took more than 2 seconds for one packet")),
        (fragile.EATS, Rejection("out_of_memory", "needs more than 4,294,967,296 bytes")),
    ],
)
def test_a_video_that_ends_its_process_is_rejected_alone(
    video, tmp_path, fragile_searcher, name, expected
):
    bad = tmp_path / name
    bad.write_bytes(video.read_bytes())
    good = face_search.find(video, OPTIONS)
    assert _find(video, bad, video) == [good, expected, good]


def test_a_video_has_more_time_for_more_frames_but_not_all_the_time(video, monkeypatch):
    given = []
    now = iter([1000.0, 1000.0, 1089.0, 1091.0])
    monkeypatch.setattr(child, "expect", given.append)
    # The module's own name for it: PyAV looks at the time too.
    monkeypatch.setattr(searcher, "time", types.SimpleNamespace(monotonic=lambda: next(now)))
    found = searcher.find(_location(video), OPTIONS, None)
    assert found == Rejection("timeout", "took more than 90 seconds")
    assert given == [0, 30, 30]


def test_a_file_that_is_gone_is_unreadable(tmp_path, monkeypatch):
    monkeypatch.setattr(child, "expect", lambda seconds: None)
    gone = File(str(tmp_path / "gone.mp4"), 1, 1)
    assert searcher.find(gone, OPTIONS, None) == Rejection(
        "unreadable", "No such file or directory"
    )
