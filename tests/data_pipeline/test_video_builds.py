"""Whole builds from videos, through the function that the command calls."""

import dataclasses
import io
import json
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from data_pipeline import pipeline
from data_pipeline.config import BuildConfig
from data_pipeline.running import stages
from data_pipeline.video import extraction, faces
from tests.data_pipeline import contents, painted_videos
from tests.data_pipeline import fragile_searcher as fragile
from tfrecords import exits


@pytest.fixture(scope="module")
def dfdc(tmp_path_factory):
    """Two parts: four originals of 1.2 s, and a fake of each."""
    return painted_videos.dfdc(tmp_path_factory.mktemp("source"))


def _config(dfdc, data_dir):
    return BuildConfig(
        dataset="dfdc",
        source=str(dfdc),
        data_dir=str(data_dir),
        splits="0.5,0,0.5",
        seed=1,
        frames_per_video=3,
        face_size=96,
        num_workers=1,
    )


@pytest.fixture
def make_config(tmp_path, dfdc):
    defaults = _config(dfdc, tmp_path / "data")
    return lambda **changes: dataclasses.replace(defaults, **changes)


@pytest.fixture(scope="module")
def built(tmp_path_factory, dfdc):
    """The dataset of these videos, which no test changes."""
    return pipeline.build_dataset(_config(dfdc, tmp_path_factory.mktemp("built")))


@pytest.fixture
def data_dir(tmp_path, built):
    """A copy of it, with the faces that were found."""
    shutil.copytree(built.directory.parents[1], tmp_path / "data")
    return tmp_path / "data"


def _records(built):
    return [(split, record) for split, _, record in contents.records(built)]


def _ids(built):
    return sorted(record["image_id"][0].decode() for _, record in _records(built))


def test_a_build_holds_exactly_these_faces(make_config, capsys):
    built = pipeline.build_dataset(make_config())
    videos = [f"dfdc_train_part_{index % 2}/{name}" for index, name in enumerate("abcd")]
    expected = [
        f"{video[:-1]}{name}.mp4#{frame}#0"
        for video in videos
        for name in (video[-1] * 10, f"{video[-1] * 9}0")
        for frame in (5, 15, 25)
    ]
    assert _ids(built) == sorted(expected)
    content = built.manifest
    assert (content.listed, content.num_examples, content.image_size) == (24, 24, 96)
    assert content.rejects == {}
    assert content.options["frames_per_video"] == 3
    for split, record in _records(built):
        name = record["image_id"][0].decode().split("/")[1].split("#")[0]
        assert record["label"][0] == name.endswith("0.mp4")
        assert record["group_id"][0].decode() == f"{name[0] * 10}.mp4"
        assert (record["height"][0], record["width"][0]) == (96, 96)
        assert split
    by_group = {record["group_id"][0]: split for split, record in _records(built)}
    assert all(by_group[record["group_id"][0]] == split for split, record in _records(built))
    printed = capsys.readouterr().out
    assert "dfdc: 8 files found.\n" in printed
    assert "dfdc: 24 faces found on 24 frames of 8 videos; 0 further frames show none." in printed


def test_each_record_shows_a_face(built):
    detect = faces.detector("dlib")
    for _, record in _records(built):
        pixels = np.asarray(Image.open(io.BytesIO(record["image"][0])))
        assert len(detect(pixels)) == 1, record["image_id"]


def test_workers_archives_and_a_second_build_give_the_same_bytes(
    built, make_config, dfdc, tmp_path
):
    expected = contents.hashes(built.directory)
    assert expected
    two = pipeline.build_dataset(make_config(num_workers=2, data_dir=str(tmp_path / "two")))
    assert contents.hashes(two.directory) == expected
    with zipfile.ZipFile(tmp_path / "dfdc.zip", "w") as archive:
        for path in sorted(dfdc.rglob("*.*")):
            archive.write(path, path.relative_to(dfdc))
    zipped = make_config(source=str(tmp_path / "dfdc.zip"), data_dir=str(tmp_path / "zipped"))
    assert contents.hashes(pipeline.build_dataset(zipped).directory) == expected


@pytest.mark.usefixtures("data_dir")
def test_videos_are_decoded_once_for_all_builds(make_config, monkeypatch):
    monkeypatch.setattr(extraction, "extract", pytest.fail)
    again = pipeline.build_dataset(make_config(version="2.0.0", seed=0))
    assert again.manifest.num_examples == 24


def test_what_was_found_before_an_interruption_is_kept(built, make_config, monkeypatch, tmp_path):
    monkeypatch.setattr(extraction, "BATCH_VIDEOS", 2)
    run = stages.run

    def half(name, transform, elements, *others, **options):
        run(name, transform, elements[:2], *others, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stages, "run", half)
        with pytest.raises(KeyboardInterrupt):
            pipeline.build_dataset(make_config())
    archives = {
        path: path.stat().st_mtime_ns for path in (tmp_path / "data").rglob(".faces-*/*/*.zip")
    }
    assert len(archives) == 4
    resumed = pipeline.build_dataset(make_config())
    assert {path: path.stat().st_mtime_ns for path in archives} == archives
    assert contents.hashes(resumed.directory) == contents.hashes(built.directory)


def test_a_partial_copy_is_built_and_says_what_is_missing(dfdc, make_config, tmp_path, capsys):
    copy = tmp_path / "copy"
    for path in dfdc.rglob("*.*"):
        target = copy / path.relative_to(dfdc)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    part = copy / "dfdc_train_part_0"
    (part / "aaaaaaaaaa.mp4").unlink()  # its fake is searched itself
    painted_videos.write(part / "plain.mp4", painted_videos.frames(None))
    (part / "page.mp4").write_bytes(b"<html>404</html>")
    said = json.loads((part / "metadata.json").read_text())
    said |= {name: {"label": "REAL"} for name in ("plain.mp4", "page.mp4", "gone.mp4")}
    (part / "metadata.json").write_text(json.dumps(said))
    stray = copy / "dfdc_train_part_2" / "e.mp4"
    stray.parent.mkdir()
    stray.write_bytes(b"x")
    config = make_config(source=str(copy), max_reject_fraction=0.25)
    built = pipeline.build_dataset(config)
    rejects = [
        json.loads(line) for line in (built.directory / "rejects.jsonl").read_text().splitlines()
    ]
    assert {reject["image_id"]: reject["reason"] for reject in rejects} == {
        "dfdc_train_part_0/aaaaaaaaaa.mp4": "absent",
        "dfdc_train_part_0/gone.mp4": "absent",
        "dfdc_train_part_0/page.mp4": "not_a_video",
        "dfdc_train_part_0/plain.mp4": "no_face",
        "dfdc_train_part_2/e.mp4": "no_metadata",
    }
    assert "dfdc_train_part_0/aaaaaaaaa0.mp4#5#0" in _ids(built)
    assert (built.manifest.listed, built.manifest.num_examples) == (26, 21)
    printed = capsys.readouterr().out
    assert "dfdc: 10 files found.\n" in printed
    assert "  2 videos that metadata.json names are not there.\n" in printed
    assert "  1 videos have no label in a metadata.json.\n" in printed
    # Of the nine videos with a label two give no face.
    with pytest.raises(exits.DataError, match=r"2 of 9 files were rejected \(\w+ 1, \w+ 1\)"):
        pipeline.build_dataset(
            dataclasses.replace(config, version="2.0.0", max_reject_fraction=0.2)
        )


@pytest.mark.usefixtures("fragile_searcher")
def test_a_video_that_crashes_or_hangs_its_process_costs_itself(tmp_path, make_config):
    clips = tmp_path / "clips"
    for index, name in enumerate(("a", "b", "c")):
        painted_videos.write(clips / "real" / f"{name}.mp4", painted_videos.frames(index, False, 9))
        painted_videos.write(clips / "fake" / f"{name}.mp4", painted_videos.frames(index, True, 9))
    good = (clips / "real" / "a.mp4").read_bytes()
    for name in (fragile.ABORTS, fragile.HANGS):
        (clips / "real" / name).write_bytes(good)
    built = pipeline.build_dataset(
        make_config(
            dataset="clips",
            layout="video_folder",
            source=str(clips),
            frames_per_video=1,
            max_reject_fraction=0.5,
        )
    )
    assert built.manifest.num_examples == 6
    lines = (built.directory / "rejects.jsonl").read_text().splitlines()
    assert [(line["image_id"], line["reason"]) for line in map(json.loads, lines)] == [
        ("real/aborts.mp4", "crashed"),
        ("real/hangs.mp4", "timeout"),
    ]


def test_a_folder_of_videos_keeps_its_splits(tmp_path, make_config):
    names = ("train/real/0", "train/fake/1", "validation/real/2", "validation/fake/3")
    for name in (*names, "test/Real/4", "test/Fake/5"):
        index = int(name[-1])
        pictures = painted_videos.frames(index, bool(index % 2), 10)
        painted_videos.write(tmp_path / "clips" / f"{name}.mp4", pictures)
    built = pipeline.build_dataset(
        make_config(
            dataset="clips",
            layout="video_folder",
            source=str(tmp_path / "clips"),
            splits=None,
            frames_per_video=1,
        )
    )
    assert sorted(
        (split, record["image_id"][0].decode(), record["group_id"][0].decode(), record["label"][0])
        for split, record in _records(built)
    ) == [
        ("test", "test/Fake/5.mp4#5#0", "test/Fake/5.mp4", 1),
        ("test", "test/Real/4.mp4#5#0", "test/Real/4.mp4", 0),
        ("train", "train/fake/1.mp4#5#0", "train/fake/1.mp4", 1),
        ("train", "train/real/0.mp4#5#0", "train/real/0.mp4", 0),
        ("validation", "validation/fake/3.mp4#5#0", "validation/fake/3.mp4", 1),
        ("validation", "validation/real/2.mp4#5#0", "validation/real/2.mp4", 0),
    ]


def test_a_dry_run_leaves_nothing(make_config, tmp_path, capsys):
    assert pipeline.build_dataset(make_config(dry_run=True)) is None
    assert not (tmp_path / "data").exists()
    assert "would hold 24 images" in capsys.readouterr().out


def test_a_dry_run_takes_what_was_found(data_dir, make_config, monkeypatch):
    monkeypatch.setattr(extraction, "extract", pytest.fail)
    before = sorted(data_dir.rglob("*"))
    pipeline.build_dataset(make_config(dry_run=True, version="2.0.0"))
    assert sorted(data_dir.rglob("*")) == before
