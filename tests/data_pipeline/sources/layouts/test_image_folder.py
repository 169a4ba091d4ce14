import os
import zipfile

import pytest

from data_pipeline.sources.layouts.image_folder import image_folder
from data_pipeline.sources.layouts.options import SourceOptions
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
    listing = image_folder(
        _write(tmp_path, "dog/1.jpg", "Cat/2.jpg", "cat/x/3.jpg"), SourceOptions()
    )
    assert listing.targets["label"].class_names == ("cat", "dog")
    assert listing.targets["label"].positive is None
    assert _listed(listing) == [
        ("Cat/2.jpg", 0, None),
        ("cat/x/3.jpg", 0, None),
        ("dog/1.jpg", 1, None),
    ]


def test_real_is_0_and_fake_is_1_whatever_the_alphabet_says(tmp_path):
    listing = image_folder(_write(tmp_path, "FAKE/1.jpg", "Real/2.jpg"), SourceOptions())
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
    target = image_folder(source, SourceOptions()).targets["label"]
    assert (target.class_names, target.positive) == (numbered, None)


def test_a_class_that_a_split_lacks_is_named(tmp_path):
    names = ("train/real/1.jpg", "train/fake/2.jpg", "test/real/3.jpg", "test/deepfake/4.jpg")
    assert image_folder(_write(tmp_path, *names), SourceOptions()).absences == (
        ("train", "label", "deepfake"),
        ("test", "label", "fake"),
    )


def test_what_is_left_out_is_said_where_too_little_is_left(tmp_path):
    source = _write(tmp_path / "source", "real/1.jpg")
    (source / "fake").symlink_to(_write(tmp_path, "other/2.jpg") / "other")
    with pytest.raises(exits.DataError, match="Received: real.*not followed: fake"):
        image_folder(source, SourceOptions())


def test_split_folders_are_no_classes(tmp_path):
    names = ("Train/Fake/1.jpg", "Train/Real/2.jpg", "Validation/Real/3.jpg", "Test/Fake/4.jpg")
    listing = image_folder(_write(tmp_path, *names), SourceOptions())
    assert _listed(listing) == [
        ("Test/Fake/4.jpg", 1, "test"),
        ("Train/Fake/1.jpg", 1, "train"),
        ("Train/Real/2.jpg", 0, "train"),
        ("Validation/Real/3.jpg", 0, "validation"),
    ]
    assert listing.splits == {"train", "validation", "test"}


def test_folders_around_all_are_stepped_into_and_stray_files_are_named(tmp_path):
    names = ("a/b/valid/real/1.jpg", "a/b/valid/fake/2.jpg", "a/readme.txt", "train.csv")
    listing = image_folder(_write(tmp_path, *names), SourceOptions())
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
    from_directory = image_folder(source, SourceOptions())
    from_archive = image_folder(tmp_path / "source.zip", SourceOptions())
    assert _listed(from_archive) == _listed(from_directory)


def test_a_folder_around_all_changes_no_name(tmp_path):
    names = ("real/1.jpg", "fake/sub/2.jpg")
    plain = image_folder(_write(tmp_path / "plain", *names), SourceOptions())
    around = _write(tmp_path / "wrapped", *(f"images/{name}" for name in names))
    assert _listed(image_folder(around, SourceOptions())) == _listed(plain)


@pytest.mark.parametrize("name", ["two\nlines", os.fsdecode(b"cl\xffss")])
def test_a_class_that_cannot_stand_in_a_file_of_lines_is_refused(tmp_path, name):
    with pytest.raises(exits.DataError, match=r"printable UTF-8\. Received: .*Rename them"):
        image_folder(_write(tmp_path, "cat/1.jpg", f"{name}/2.jpg"), SourceOptions())


@pytest.mark.parametrize("names", [("cat/1.jpg", "cat/2.jpg"), ("1.jpg",), ("train/cat/1.jpg",)])
def test_fewer_than_two_classes_are_refused(tmp_path, names):
    with pytest.raises(exits.DataError, match="two or more class folders. Received: (cat|none)"):
        image_folder(_write(tmp_path, *names), SourceOptions())


def test_a_folder_layout_needs_a_source():
    with pytest.raises(exits.UsageError, match="needs --source"):
        image_folder(None, SourceOptions())
