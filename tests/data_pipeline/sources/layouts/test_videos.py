import zipfile

import pytest

from data_pipeline.sources.layouts.image_folder import image_folder
from data_pipeline.sources.layouts.options import SourceOptions
from data_pipeline.sources.layouts.videos import video_folder
from tfrecords import exits


def _write(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def test_videos_lie_in_class_folders_like_images(tmp_path):
    root = _write(tmp_path, "v/train/Real/a/1.mp4", "v/train/FAKE/2.avi", "v/notes.txt")
    listing = video_folder(root, SourceOptions())
    assert [
        (video.image_id, video.targets["label"], video.group_id, video.split, video.original)
        for video in listing.videos
    ] == [
        ("train/FAKE/2.avi", 1, "train/FAKE/2.avi", "train", None),
        ("train/Real/a/1.mp4", 0, "train/Real/a/1.mp4", "train", None),
    ]
    assert [reject.reason for reject in listing.rejects] == ["no_class"]
    assert image_folder(root, SourceOptions()).videos == ()


def test_a_video_of_an_archive_may_be_larger_than_an_image(tmp_path, monkeypatch):
    monkeypatch.setattr("data_pipeline.images.image_policy.MAX_BYTES", 10)
    with zipfile.ZipFile(tmp_path / "source.zip", "w") as archive:
        archive.writestr("real/1.mp4", bytes(20))
        archive.writestr("fake/2.mp4", bytes(30))
    assert len(video_folder(tmp_path / "source.zip", SourceOptions()).references) == 2
    monkeypatch.setattr("data_pipeline.video.videos.MAX_MEMBER_BYTES", 20)
    with pytest.raises(exits.DataError, match=r"Received: real. Expected: .*class/files"):
        video_folder(tmp_path / "source.zip", SourceOptions())
