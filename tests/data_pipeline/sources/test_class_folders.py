import pytest

from data_pipeline.sources import class_folders
from data_pipeline.sources.entries import Entry
from data_pipeline.sources.locations import File
from tfrecords import exits


def _arrange(*paths):
    found = [Entry(path, File(path, 1, 1)) for path in paths]
    return class_folders.arrange(found, "SOURCE")


def _placed(*paths):
    return [(item.entry.path, item.split, item.class_name) for item in _arrange(*paths).placed]


BOTH = ("train/real/1.jpg", "train/fake/2.jpg", "test/real/3.jpg", "test/fake/4.jpg")
PLACED = [
    ("train/real/1.jpg", "train", "real"),
    ("train/fake/2.jpg", "train", "fake"),
    ("test/real/3.jpg", "test", "real"),
    ("test/fake/4.jpg", "test", "fake"),
]


@pytest.mark.parametrize("around", ["", "a/", "a/b/", "Real_vs_Fake/real-vs-fake/", "train/"])
def test_the_splits_are_found_wherever_they_lie(around):
    assert _placed(*(around + path for path in BOTH)) == PLACED


def test_folders_beside_the_root_are_left_out_and_named():
    arranged = _arrange(*(f"Dataset/{path}" for path in BOTH), "notes/x/1.txt", "code/main.py")
    assert [(item.entry.path, item.split, item.class_name) for item in arranged.placed] == PLACED
    assert [entry.path for entry in arranged.others] == ["notes/x/1.txt", "code/main.py"]


def test_real_and_fake_are_found_beside_other_folders():
    assert _placed("set/Real/1.jpg", "set/FAKE/2.jpg", "notes/1.txt", "more/notes/1.txt") == [
        ("Real/1.jpg", None, "real"),
        ("FAKE/2.jpg", None, "fake"),
    ]


def test_doubled_split_folders_are_stepped_through():
    assert _placed(
        "train/train/real/1.jpg", "Train/Train/fake/2.jpg", "val/validation/real/3.jpg"
    ) == [
        ("train/train/real/1.jpg", "train", "real"),
        ("Train/Train/fake/2.jpg", "train", "fake"),
        ("val/validation/real/3.jpg", "validation", "real"),
    ]


def test_one_doubled_split_folder_is_stepped_through():
    assert _placed("train/train/cat/1.jpg", "train/train/dog/2.jpg") == [
        ("train/cat/1.jpg", "train", "cat"),
        ("train/dog/2.jpg", "train", "dog"),
    ]


def test_a_doubled_split_may_stand_beside_a_plain_one():
    assert _placed("train/train/cat/1.jpg", "train/train/dog/2.jpg", "test/cat/3.jpg") == [
        ("train/train/cat/1.jpg", "train", "cat"),
        ("train/train/dog/2.jpg", "train", "dog"),
        ("test/cat/3.jpg", "test", "cat"),
    ]


def test_the_same_folder_in_each_split_is_no_class():
    assert _placed("train/images/cat/1.jpg", "train/images/dog/2.jpg", "test/images/dog/3.jpg") == [
        ("train/images/cat/1.jpg", "train", "cat"),
        ("train/images/dog/2.jpg", "train", "dog"),
        ("test/images/dog/3.jpg", "test", "dog"),
    ]


@pytest.mark.parametrize("path", ["real/a/1.jpg", "train/fake/a/1.jpg"])
def test_a_single_class_of_ours_is_not_stepped_through(path):
    name = "real" if "real" in path else "fake"
    other = path.replace("/a/", "/b/")
    assert {class_name for _, _, class_name in _placed(path, other)} == {name}


def test_folders_in_a_class_may_be_called_as_they_like():
    arranged = _arrange("real/test/a/1.jpg", "fake/train/b/2.jpg")
    assert [(item.split, item.class_name) for item in arranged.placed] == [
        (None, "real"),
        (None, "fake"),
    ]
    assert arranged.notes == (
        "Folders in a class are not taken for splits: test, train. "
        "Splits stand around the classes.",
    )


def test_a_flat_split_and_a_folder_beside_the_splits_are_left_out():
    arranged = _arrange(*BOTH[:2], "test/3.jpg", "docs/more/readme.txt", "train/list.csv")
    assert [item.entry.path for item in arranged.placed] == ["train/real/1.jpg", "train/fake/2.jpg"]
    assert [entry.path for entry in arranged.others] == [
        "test/3.jpg",
        "docs/more/readme.txt",
        "train/list.csv",
    ]
    assert arranged.notes == ("Folders beside the splits are left out: docs.",)


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        ((*BOTH, "valid/real/5.jpg", "holdout/real/6.jpg"), "holdout stands beside the splits tr"),
        ((*BOTH, "real/5.jpg"), "real stands beside the splits train, test, and is or holds"),
        (
            ("real/1.jpg", "fake/2.jpg", "test/3.jpg"),
            "test is the name of a split, .*: fake, real,",
        ),
        (("train/1.jpg", "test/2.jpg"), "test, train is the name of a split, and stands where"),
        (("train/train/real/1.jpg", "train/x/1.jpg", "test/real/2.jpg"), "train is the name of a"),
        (
            [f"{around}/{path}" for around in ("b", "a") for path in BOTH],
            "holds split folders, or real and fake, in several places: b, a. Expected",
        ),
        (
            ("part1/real/1.jpg", "part1/fake/1.jpg", "part2/real/2.jpg", "part2/fake/2.jpg"),
            "in several places: part1, part2. .* Name one of them with --source",
        ),
        (
            ("train/a/real/1.jpg", "train/a/fake/1.jpg", "train/b/real/2.jpg", "test/a/real/3.jpg"),
            "a stands where classes are expected, and holds real and fake itself",
        ),
    ],
)
def test_an_unclear_shape_is_refused_with_what_was_found_and_expected(paths, words):
    with pytest.raises(exits.DataError, match=f"--source=SOURCE.*{words}") as error:
        _arrange(*paths)
    assert "Expected: [split/]class/files, where a split is a folder train" in str(error.value)


def test_names_of_strangers_are_shown_on_one_line():
    with pytest.raises(exits.DataError, match=r"places: ä 真\\n\\x1b\[31m, b"):
        _arrange(*(f"{around}/{path}" for around in ("ä 真\n\x1b[31m", "b") for path in BOTH))


def test_a_message_does_not_name_hundreds_of_folders():
    paths = [f"{index}/{path}" for index in range(9) for path in BOTH]
    with pytest.raises(exits.DataError, match="places: 0, 1, 2, 3, 4 and 4 more"):
        _arrange(*paths)


def test_folders_that_cannot_be_read_are_spoken_of():
    found = [Entry(path, File(path, 1, 1)) for path in ("fake/1.jpg", "real/2.jpg")]
    arranged = class_folders.arrange([*found, Entry("real/x", None, "unreadable_folder")], "SOURCE")
    assert arranged.notes == ("Folders that cannot be read are left out: real/x.",)


def test_archives_are_named_where_class_folders_are_missed():
    arranged = _arrange("Archive.ZIP", "README.md")
    assert arranged.notes == (
        "Archives in the source are not opened: Archive.ZIP. Unpack them, or name one with "
        "--source.",
    )


def test_files_that_cannot_be_read_are_named_where_class_folders_are_missed():
    found = [Entry(f"real/{index}.jpg", None, "unreadable", "encrypted") for index in range(3)]
    assert class_folders.arrange(found, "SOURCE").notes == (
        "Files that cannot be read: 3, such as real/0.jpg: encrypted.",
    )


def test_linked_folders_are_spoken_of():
    found = [
        Entry("fake", None, "linked_folder", "links to folders are not followed"),
        Entry("real/1.jpg", File("x", 1, 1)),
    ]
    assert class_folders.arrange(found, "SOURCE").notes == (
        "Links to folders are not followed: fake.",
    )
