import dataclasses

import pytest

from data_pipeline.video import face_search, faces
from data_pipeline.video.face_search import Options, Rejection
from data_pipeline.video.faces import Box
from tests.data_pipeline import painted_videos

OPTIONS = Options(
    frames_per_video=4, face_size=128, face_margin=1.3, max_faces=1, face_detector="dlib"
)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    path = tmp_path_factory.mktemp("videos") / "original.mp4"
    return painted_videos.write(path, painted_videos.frames(0))


def test_each_frame_gives_its_face(original):
    track, found = face_search.find(original, OPTIONS)
    assert (track.width, track.height, track.duration) == (320, 240, pytest.approx(1.2))
    assert [sample.frame for sample in track.samples] == [4, 11, 19, 26]
    assert [(face.frame, face.index) for face in found] == [(4, 0), (11, 0), (19, 0), (26, 0)]
    for sample in track.samples:
        (box,) = sample.boxes
        # The face moves by a pixel a frame; the detector looks at every eighth or so.
        assert (box.left + box.right) / 2 == pytest.approx(112 + sample.frame, abs=16)


def test_the_same_video_gives_the_same_bytes_from_a_file_and_from_memory(original):
    assert face_search.find(original, OPTIONS) == face_search.find(original.read_bytes(), OPTIONS)


def test_a_fake_takes_over_the_boxes_and_times_of_its_original(original, tmp_path, monkeypatch):
    track, _ = face_search.find(original, OPTIONS)
    # No detector finds a face in a fake that shows none; it has its original's.
    fake = painted_videos.write(tmp_path / "fake.mp4", painted_videos.frames(None))
    monkeypatch.setattr(faces, "detector", lambda name: pytest.fail)
    theirs, found = face_search.find(fake, OPTIONS, track)
    assert theirs == track
    assert len(found) == 4


def test_a_fake_that_is_a_little_shorter_shows_the_same_times(original, tmp_path):
    track, _ = face_search.find(original, OPTIONS)
    fake = painted_videos.write(tmp_path / "fake.mp4", painted_videos.frames(0, True, 28))
    theirs, _ = face_search.find(fake, OPTIONS, track)
    assert theirs.samples == track.samples


@pytest.mark.parametrize("case", ["longer", "larger"])
def test_a_fake_unlike_its_original_is_searched_itself(original, tmp_path, case):
    track, _ = face_search.find(original, OPTIONS)
    far_off = tuple(
        dataclasses.replace(sample, boxes=(Box(0, 0, 50, 50),)) for sample in track.samples
    )
    if case == "longer":
        pictures = painted_videos.frames(0, True, 60)
    else:
        pictures = (frame.repeat(2, 0).repeat(2, 1) for frame in painted_videos.frames(0, True))
    fake = painted_videos.write(tmp_path / "fake.mp4", pictures)
    theirs, _ = face_search.find(fake, OPTIONS, dataclasses.replace(track, samples=far_off))
    assert all(box.side > 80 for sample in theirs.samples for box in sample.boxes)


def test_at_most_so_many_faces_of_a_frame_are_taken(tmp_path, monkeypatch):
    boxes = [Box(0, 0, 90, 90), Box(100, 0, 180, 80), Box(200, 0, 270, 70)]
    monkeypatch.setattr(faces, "detector", lambda name: lambda pixels: boxes)
    path = painted_videos.write(tmp_path / "a.mp4", painted_videos.frames(None))
    _, found = face_search.find(path, dataclasses.replace(OPTIONS, max_faces=2))
    assert [(face.frame, face.index) for face in found][:4] == [(4, 0), (4, 1), (11, 0), (11, 1)]


def test_a_video_without_a_face_says_where_it_was_looked_for(tmp_path):
    path = painted_videos.write(tmp_path / "a.mp4", painted_videos.frames(None))
    assert face_search.find(path, OPTIONS) == Rejection(
        "no_face", "none on 4 frames of 320 x 240 pixels"
    )


def test_what_is_no_video_is_rejected():
    assert face_search.find(b"", OPTIONS) == Rejection("empty_file", "0 bytes")
    assert face_search.find(b"<html>", OPTIONS).reason == "not_a_video"


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["d12", "d18", "d19"])
def test_real_clips_give_one_face_a_frame_and_yunet_finds_it_too(shared_data, name, monkeypatch):
    options = dataclasses.replace(OPTIONS, frames_per_video=8, max_faces=8)
    path = shared_data / "videos" / f"{name}.mp4"
    track, found = face_search.find(path, options)
    assert [(face.frame, face.index) for face in found] == [
        (sample.frame, 0) for sample in track.samples
    ]
    assert len(found) == 8
    model = shared_data / "weights" / "yunet_n_dynamic.onnx"
    judge = dataclasses.replace(options, face_detector=f"yunet:{model}")
    confirmed, _ = face_search.find(path, judge)
    for ours, theirs in zip(track.samples, confirmed.samples, strict=True):
        (box,), (other,) = ours.boxes, theirs.boxes
        assert other.left < (box.left + box.right) / 2 < other.right
        assert other.top < (box.top + box.bottom) / 2 < other.bottom
