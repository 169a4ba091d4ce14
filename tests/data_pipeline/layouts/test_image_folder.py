import os
import zipfile

import pytest

from data_pipeline import layouts
from tfrecords import exits


def _write(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def _listed(listing):
    return [
        (reference.image_id, reference.targets["label"], reference.split)
        for reference in listing.references
    ]


def test_classes_are_numbered_in_alphabetical_order(tmp_path):
    listing = layouts.image_folder(_write(tmp_path, "dog/1.jpg", "Cat/2.jpg", "cat/x/3.jpg"), 0)
    assert listing.targets["label"].class_names == ("cat", "dog")
    assert listing.targets["label"].positive is None
    assert _listed(listing) == [
        ("Cat/2.jpg", 0, None),
        ("cat/x/3.jpg", 0, None),
        ("dog/1.jpg", 1, None),
    ]


def test_real_is_0_and_fake_is_1_whatever_the_alphabet_says(tmp_path):
    listing = layouts.image_folder(_write(tmp_path, "FAKE/1.jpg", "Real/2.jpg"), 0)
    assert listing.targets["label"].class_names == ("real", "fake")
    assert listing.targets["label"].positive == "fake"
    assert _listed(listing) == [("FAKE/1.jpg", 1, None), ("Real/2.jpg", 0, None)]


@pytest.mark.parametrize(
    ("classes", "numbered"),
    [
        (("zebra", "fake", "ape", "real"), ("real", "fake", "ape", "zebra")),
        (("cat", "fake"), ("cat", "fake")),
        (("ape", "fake", "zebra"), ("ape", "fake", "zebra")),
        (("cat", "real"), ("real", "cat")),
    ],
)
def test_among_other_classes_real_is_0_and_fake_is_1_too(tmp_path, classes, numbered):
    source = _write(tmp_path, *(f"{name}/1.jpg" for name in classes))
    target = layouts.image_folder(source, 0).targets["label"]
    assert (target.class_names, target.positive) == (numbered, None)


def test_a_class_that_a_split_lacks_is_named(tmp_path):
    names = ("train/real/1.jpg", "train/fake/2.jpg", "test/real/3.jpg", "test/deepfake/4.jpg")
    assert layouts.image_folder(_write(tmp_path, *names), 0).absences == (
        ("train", "label", "deepfake"),
        ("test", "label", "fake"),
    )


def test_what_is_left_out_is_said_where_too_little_is_left(tmp_path):
    source = _write(tmp_path / "source", "real/1.jpg")
    (source / "fake").symlink_to(_write(tmp_path, "other/2.jpg") / "other")
    with pytest.raises(exits.DataError, match="Received: real.*not followed: fake"):
        layouts.image_folder(source, 0)


def test_split_folders_are_no_classes(tmp_path):
    names = ("Train/Fake/1.jpg", "Train/Real/2.jpg", "Validation/Real/3.jpg", "Test/Fake/4.jpg")
    listing = layouts.image_folder(_write(tmp_path, *names), 0)
    assert _listed(listing) == [
        ("Test/Fake/4.jpg", 1, "test"),
        ("Train/Fake/1.jpg", 1, "train"),
        ("Train/Real/2.jpg", 0, "train"),
        ("Validation/Real/3.jpg", 0, "validation"),
    ]
    assert listing.splits == {"train", "validation", "test"}


def test_folders_around_all_are_stepped_into_and_stray_files_are_named(tmp_path):
    names = ("a/b/valid/real/1.jpg", "a/b/valid/fake/2.jpg", "a/readme.txt", "train.csv")
    listing = layouts.image_folder(_write(tmp_path, *names), 0)
    assert _listed(listing) == [
        ("valid/fake/2.jpg", 1, "validation"),
        ("valid/real/1.jpg", 0, "validation"),
    ]
    assert [(reject.image_id, reject.reason) for reject in listing.rejects] == [
        ("a/readme.txt", "no_class"),
        ("train.csv", "no_class"),
    ]


def test_an_archive_is_listed_as_its_directory(tmp_path):
    source = _write(tmp_path / "source", "x/real/1.jpg", "x/fake/2.jpg", "x/fake/sub/3.jpg")
    with zipfile.ZipFile(tmp_path / "source.zip", "w") as archive:
        for path in source.rglob("*.jpg"):
            archive.write(path, path.relative_to(source))
    from_directory = layouts.image_folder(source, 0)
    from_archive = layouts.image_folder(tmp_path / "source.zip", 0)
    assert _listed(from_archive) == _listed(from_directory)


def test_a_folder_around_all_changes_no_name(tmp_path):
    names = ("real/1.jpg", "fake/sub/2.jpg")
    plain = layouts.image_folder(_write(tmp_path / "plain", *names), 0)
    around = _write(tmp_path / "wrapped", *(f"images/{name}" for name in names))
    assert _listed(layouts.image_folder(around, 0)) == _listed(plain)


@pytest.mark.parametrize("name", ["two\nlines", os.fsdecode(b"cl\xffss")])
def test_a_class_that_cannot_stand_in_a_file_of_lines_is_refused(tmp_path, name):
    with pytest.raises(exits.DataError, match=r"printable UTF-8\. Received: .*Rename them"):
        layouts.image_folder(_write(tmp_path, "cat/1.jpg", f"{name}/2.jpg"), 0)


@pytest.mark.parametrize("names", [("cat/1.jpg", "cat/2.jpg"), ("1.jpg",), ("train/cat/1.jpg",)])
def test_fewer_than_two_classes_are_refused(tmp_path, names):
    with pytest.raises(exits.DataError, match="two or more class folders. Received: (cat|none)"):
        layouts.image_folder(_write(tmp_path, *names), 0)


def test_a_folder_layout_needs_a_source():
    with pytest.raises(exits.UsageError, match="needs --source"):
        layouts.image_folder(None, 0)


def test_videos_lie_in_class_folders_like_images(tmp_path):
    root = _write(tmp_path, "v/train/Real/a/1.mp4", "v/train/FAKE/2.avi", "v/notes.txt")
    listing = layouts.video_folder(root, 0)
    assert [
        (video.image_id, video.targets["label"], video.group_id, video.split, video.original)
        for video in listing.videos
    ] == [
        ("train/FAKE/2.avi", 1, "train/FAKE/2.avi", "train", None),
        ("train/Real/a/1.mp4", 0, "train/Real/a/1.mp4", "train", None),
    ]
    assert [reject.reason for reject in listing.rejects] == ["no_class"]
    assert layouts.image_folder(root, 0).videos == ()


def test_a_video_of_an_archive_may_be_larger_than_an_image(tmp_path, monkeypatch):
    monkeypatch.setattr("data_pipeline.image_policy.MAX_BYTES", 10)
    with zipfile.ZipFile(tmp_path / "source.zip", "w") as archive:
        archive.writestr("real/1.mp4", bytes(20))
        archive.writestr("fake/2.mp4", bytes(30))
    assert len(layouts.video_folder(tmp_path / "source.zip", 0).references) == 2
    monkeypatch.setattr("data_pipeline.videos.MAX_MEMBER_BYTES", 20)
    with pytest.raises(exits.DataError, match=r"Received: real. Expected: .*class/files"):
        layouts.video_folder(tmp_path / "source.zip", 0)


def test_the_sample_needs_none(tmp_path):
    with pytest.raises(exits.UsageError, match="paints its own images"):
        layouts.sample(tmp_path, 0)


def test_the_sample_has_two_targets_and_every_picture_is_of_its_own_group():
    listing = layouts.sample(None, 0)
    assert len(listing.references) == 2400
    assert listing.targets["label"].class_names == ("real", "fake")
    assert listing.targets["content"].class_names == ("animals", "human_faces", "vehicles")
    first = listing.references[0]
    assert first.image_id == "fake/animals/00003.jpg"
    assert first.targets == {"label": 1, "content": 0}
    assert len({reference.group_id for reference in listing.references}) == 2400
