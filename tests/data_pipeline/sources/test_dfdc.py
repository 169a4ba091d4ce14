import json
import zipfile

import pytest

from data_pipeline.sources.layouts import videos
from data_pipeline.sources.layouts.options import SourceOptions
from tfrecords import exits

REAL = {"label": "REAL", "split": "train", "original": None}


def _fake(original):
    return {"label": "FAKE", "split": "train", "original": original}


def _write(root, parts):
    """Writes parts of empty videos: by folder the names on disk and what its metadata say."""
    for folder, (names, metadata) in parts.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for name in names:
            (root / folder / name).write_bytes(b"x")
        if metadata is not None:
            content = metadata if isinstance(metadata, str) else json.dumps(metadata)
            (root / folder / "metadata.json").write_text(content)
    return root


def _listed(listing):
    return [
        (video.image_id, video.targets["label"], video.group_id, video.original)
        for video in listing.references
    ]


def _rejects(listing):
    return {reject.image_id: (reject.reason, reject.detail) for reject in listing.rejects}


WHOLE = {
    "p/dfdc_train_part_0": (
        ("a.mp4", "b.mp4", "c.mp4"),
        {"a.mp4": REAL, "b.mp4": _fake("a.mp4"), "c.mp4": _fake("d.mp4")},
    ),
    "p/dfdc_train_part_1": (
        ("d.mp4", "e.mp4"),
        {"d.mp4": {"label": "REAL"}, "e.mp4": _fake("z.mp4")},
    ),
}


def test_a_fake_is_of_the_group_of_its_original_in_whatever_part_that_lies(tmp_path):
    listing = videos.dfdc(_write(tmp_path, WHOLE), SourceOptions())
    assert _listed(listing) == [
        ("dfdc_train_part_0/a.mp4", 0, "a.mp4", None),
        ("dfdc_train_part_0/b.mp4", 1, "a.mp4", "dfdc_train_part_0/a.mp4"),
        ("dfdc_train_part_0/c.mp4", 1, "d.mp4", "dfdc_train_part_1/d.mp4"),
        ("dfdc_train_part_1/d.mp4", 0, "d.mp4", None),
        ("dfdc_train_part_1/e.mp4", 1, "z.mp4", None),
    ]
    assert listing.rejects == ()
    assert listing.targets["label"].class_names == ("real", "fake")
    assert listing.splits == set()


def test_the_names_are_the_same_wherever_the_root_lies(tmp_path):
    root = _write(tmp_path, WHOLE)
    assert _listed(videos.dfdc(root / "p", SourceOptions())) == _listed(
        videos.dfdc(root, SourceOptions())
    )
    one = videos.dfdc(root / "p" / "dfdc_train_part_0", SourceOptions())
    assert [video.image_id for video in one.references] == ["a.mp4", "b.mp4", "c.mp4"]


def test_an_archive_lists_the_same_as_its_directory(tmp_path):
    root = _write(tmp_path / "source", WHOLE)
    with zipfile.ZipFile(tmp_path / "source.zip", "w") as archive:
        for path in sorted(root.rglob("*.*")):
            archive.write(path, path.relative_to(root))
    assert _listed(videos.dfdc(tmp_path / "source.zip", SourceOptions())) == _listed(
        videos.dfdc(root, SourceOptions())
    )


def test_the_original_beside_a_fake_is_preferred_to_its_copy_elsewhere(tmp_path):
    part = (("a.mp4", "b.mp4"), {"a.mp4": REAL, "b.mp4": _fake("a.mp4")})
    listing = videos.dfdc(_write(tmp_path, {"one": part, "two": part}), SourceOptions())
    assert [video.original for video in listing.references] == [
        None,
        "one/a.mp4",
        None,
        "two/a.mp4",
    ]


def test_what_is_missing_or_stray_is_named_and_the_rest_is_listed(tmp_path):
    parts = {
        "part_0": (
            ("a.mp4", "stray.mp4", "odd.mp4", "list.mp4", "two.mp4", "notes.txt"),
            {
                "a.mp4": REAL,
                "gone.mp4": _fake("a.mp4"),
                "odd.mp4": {"label": "MAYBE"},
                "list.mp4": [],
                "two.mp4": {"label": ["REAL", "FAKE"]},
            },
        ),
        "part_1": (("b.mp4",), None),
        "part_2": (("c.mp4",), "{ cut off"),
        "part_3": (("d.mp4",), "[]"),
        "part_4": (("e.mp4",), "[" * 100_000),
    }
    listing = videos.dfdc(_write(tmp_path, parts), SourceOptions())
    assert _listed(listing) == [("part_0/a.mp4", 0, "a.mp4", None)]
    found = _rejects(listing)
    for name in ("part_2/c.mp4", "part_4/e.mp4"):
        reason, detail = found.pop(name)
        assert reason == "no_metadata"
        assert detail.startswith("metadata.json of its folder cannot be read: ")
    assert found == {
        "part_0/gone.mp4": ("absent", "metadata.json names it, and it is not there"),
        "part_0/stray.mp4": ("no_metadata", "metadata.json of its folder does not name it"),
        "part_0/odd.mp4": ("no_metadata", "its label is 'MAYBE', neither REAL nor FAKE"),
        "part_0/list.mp4": ("no_metadata", "its label is None, neither REAL nor FAKE"),
        "part_0/two.mp4": (
            "no_metadata",
            "its label is ['REAL', 'FAKE'], neither REAL nor FAKE",
        ),
        "part_0/notes.txt": ("not_a_video", "neither *.mp4 nor named in metadata.json"),
        "part_1/b.mp4": ("no_metadata", "its folder has no metadata.json"),
        "part_3/d.mp4": (
            "no_metadata",
            "metadata.json of its folder cannot be read: it is no table of videos",
        ),
    }


def test_a_forgery_of_a_forgery_has_no_original_to_take_boxes_from(tmp_path):
    metadata = {"a.mp4": REAL, "b.mp4": _fake("a.mp4"), "c.mp4": _fake("b.mp4")}
    listing = videos.dfdc(_write(tmp_path, {"part": (tuple(metadata), metadata)}), SourceOptions())
    assert [video.original for video in listing.references] == [None, "a.mp4", None]


def test_a_source_without_a_described_video_is_refused(tmp_path):
    with pytest.raises(exits.DataError, match=r"must hold metadata.json .* Received: 1 files"):
        videos.dfdc(_write(tmp_path, {"videos": (("a.mp4",), None)}), SourceOptions())


def test_parts_that_are_not_unpacked_are_spoken_of(tmp_path):
    root = _write(tmp_path, WHOLE)
    packed = root / "dfdc_train_part_01.zip"
    packed.write_bytes(b"PK")
    assert videos.dfdc(root, SourceOptions()).notes == (
        "Archives in the source are not opened: 1.",
    )
    (tmp_path / "zips").mkdir()
    packed.rename(tmp_path / "zips" / packed.name)
    with pytest.raises(exits.DataError, match=r"no such video\. Unpack dfdc_train_part_01\.zip\."):
        videos.dfdc(tmp_path / "zips", SourceOptions())


def test_it_needs_a_source():
    with pytest.raises(exits.UsageError, match="--layout=dfdc needs --source"):
        videos.dfdc(None, SourceOptions())
