"""The whole build, through the function that the command calls."""

import dataclasses
import hashlib
import io
import json
import os
import zipfile

import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from data_pipeline import pipeline
from data_pipeline.config import BuildConfig
from data_pipeline.images import encoding
from data_pipeline.images.encoding import Encoding
from data_pipeline.running import stages
from data_pipeline.sample import painter
from tests.data_pipeline import fragile_decoder as fragile
from tests.data_pipeline import painted
from tfrecords import dataset, directories, example, exits, framing


@pytest.fixture
def make_config(tmp_path):
    """Returns configurations of builds of a painted source of twelve images."""
    painted.folder(tmp_path / "source")
    defaults = BuildConfig(
        dataset="tiny",
        layout="image_folder",
        source=str(tmp_path / "source"),
        data_dir=str(tmp_path / "data"),
        splits="0.5,0.25,0.25",
        records_per_shard=4,
    )
    return lambda **changes: dataclasses.replace(defaults, **changes)


def _records(built):
    return {
        path.name: [
            (record["image_id"][0].decode(), record["label"][0])
            for record in map(example.decode, framing.read_records(path))
        ]
        for split in built.manifest.splits
        for path in built.shard_paths(split)
    }


def _hashes(directory):
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.glob("*.tfrecord-*")
    }


def test_the_shards_of_twelve_images_hold_literally_this(make_config):
    built = pipeline.build_dataset(make_config())
    assert _records(built) == {
        "tiny-train.tfrecord-00000-of-00002": [
            ("fake/001.jpg", 1),
            ("real/008.jpg", 0),
            ("real/006.jpg", 0),
        ],
        "tiny-train.tfrecord-00001-of-00002": [
            ("fake/007.jpg", 1),
            ("fake/009.jpg", 1),
            ("real/004.jpg", 0),
        ],
        "tiny-validation.tfrecord-00000-of-00001": [
            ("fake/011.jpg", 1),
            ("fake/005.jpg", 1),
            ("real/010.jpg", 0),
            ("real/002.jpg", 0),
        ],
        "tiny-test.tfrecord-00000-of-00001": [("fake/003.jpg", 1), ("real/000.jpg", 0)],
    }


def test_a_build_leaves_what_the_manifest_says_and_nothing_else(make_config, tmp_path, capsys):
    built = pipeline.build_dataset(make_config())
    assert sorted(
        path.name for path in built.directory.iterdir() if "tfrecord" not in path.name
    ) == [
        "dataset_info.json",
        "features.json",
        "label.labels.txt",
        "manifest.json",
        "pictures",
        "rejects.jsonl",
        "report.html",
        "statistics.json",
    ]
    content = built.manifest
    assert (content.listed, content.num_examples, content.duplicates) == (12, 12, 0)
    assert content.targets["label"].positive == "fake"
    assert content.image_size == 16  # as large as the images of 24 x 16 pixels are
    assert content.command.startswith("python -m data_pipeline.build --dataset=tiny --layout=")
    printed = capsys.readouterr().out
    assert "tiny: 12 files found." in printed
    assert "12 images written." in printed
    assert "Rejected: none." in printed
    assert "Next:   python -m trainer.main --strategy=mirrored --data_dir=" in printed


def test_a_second_build_finds_it_complete(make_config, capsys):
    first = pipeline.build_dataset(make_config())
    capsys.readouterr()
    assert pipeline.build_dataset(make_config()) == first
    assert "complete already" in capsys.readouterr().out


def test_a_new_file_that_changes_no_shard_is_spoken_of(make_config, tmp_path, capsys):
    pipeline.build_dataset(make_config())
    copy = tmp_path / "source" / "real" / "zzz.jpg"
    copy.write_bytes((tmp_path / "source" / "real" / "000.jpg").read_bytes())
    pipeline.build_dataset(make_config())
    assert "The source had 12 files then" in capsys.readouterr().out


def test_every_number_of_workers_gives_the_same_bytes(make_config, tmp_path):
    one = pipeline.build_dataset(make_config(num_workers=1))
    two = pipeline.build_dataset(make_config(num_workers=2, data_dir=str(tmp_path / "two")))
    assert _hashes(one.directory) == _hashes(two.directory)
    assert one.manifest.plan_digest == two.manifest.plan_digest


def test_an_archive_gives_the_same_bytes_as_its_directory(make_config, tmp_path):
    with zipfile.ZipFile(tmp_path / "source.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in (tmp_path / "source").rglob("*.jpg"):
            archive.write(path, path.relative_to(tmp_path / "source"))
    from_folder = pipeline.build_dataset(make_config())
    from_archive = pipeline.build_dataset(
        make_config(source=str(tmp_path / "source.zip"), data_dir=str(tmp_path / "other"))
    )
    assert _hashes(from_archive.directory) == _hashes(from_folder.directory)


def test_every_file_is_accounted_for(make_config, tmp_path, capsys):
    source = tmp_path / "source"
    (source / "real" / "empty.jpg").write_bytes(b"")
    (source / "fake" / "page.jpg").write_bytes(b"<!DOCTYPE html><html>404</html>")
    (source / "real" / "cut.jpg").write_bytes(painted.jpeg(9)[:300])
    (source / "real" / "copy.jpg").write_bytes((source / "real" / "000.jpg").read_bytes())
    (source / "fake" / "claim.jpg").write_bytes((source / "real" / "002.jpg").read_bytes())
    (source / "notes.txt").write_text("about these images")
    built = pipeline.build_dataset(make_config(max_reject_fraction=0.5))
    content = built.manifest
    assert (content.listed, content.num_examples, content.duplicates) == (18, 11, 1)
    rejects = [
        json.loads(line) for line in (built.directory / "rejects.jsonl").read_text().splitlines()
    ]
    reasons = {reject["image_id"]: reject["reason"] for reject in rejects}
    assert reasons.pop("real/cut.jpg") in ("truncated", "corrupt")
    assert reasons.pop("fake/page.jpg") in ("html", "not_an_image")
    assert reasons == {
        "fake/claim.jpg": "label_conflict",
        "notes.txt": "no_class",
        "real/002.jpg": "label_conflict",
        "real/empty.jpg": "empty_file",
    }
    assert sum(content.rejects.values()) == 6
    printed = capsys.readouterr().out
    assert "Exact copies dropped: 1." in printed
    assert "Rejected: 6 (label_conflict 2" in printed
    assert "and 1 more" in printed


def test_more_rejects_than_allowed_publish_nothing_and_name_every_file(make_config, tmp_path):
    (tmp_path / "source" / "real" / "empty.jpg").write_bytes(b"")
    with pytest.raises(exits.DataError, match=r"1 of 13 files were rejected \(empty_file 1\)") as e:
        pipeline.build_dataset(make_config())
    named = tmp_path / "data" / "tiny" / "1.0.0.rejects.jsonl"
    assert str(named) in str(e.value)
    assert json.loads(named.read_text())["image_id"] == "real/empty.jpg"
    assert not (tmp_path / "data" / "tiny" / "1.0.0").exists()


@pytest.mark.usefixtures("fragile_decoder")
def test_a_shard_whose_images_are_all_damaged_is_planned_anew(make_config, tmp_path):
    _damage_late(tmp_path / "source", range(12, 30))
    config = make_config(max_reject_fraction=0.9, records_per_shard=1)
    built = pipeline.build_dataset(config)
    assert built.manifest.num_examples == 12
    assert built.manifest.listed == 30
    assert all(shard.records for split in built.manifest.splits.values() for shard in split.shards)


def _damage(source, numbers):
    """Adds images whose headers are whole."""
    for index in numbers:
        (source / "real" / f"{index:03d}.jpg").write_bytes(painted.jpeg(7 * index)[:-12])


def _damage_late(source, numbers):
    """Adds images whose damage is found when the shards are written, and not by a look."""
    for index in numbers:
        content = painted.jpeg(7 * index, comment=fragile.RAISE + fragile.STORE)
        (source / "real" / f"{index:03d}.jpg").write_bytes(content)


@pytest.mark.usefixtures("fragile_decoder")
def test_a_build_that_was_planned_anew_is_found_complete(make_config, tmp_path, capsys):
    _damage_late(tmp_path / "source", range(12, 30))
    config = make_config(max_reject_fraction=0.9, records_per_shard=1)
    first = pipeline.build_dataset(config)
    # Another build of the same images learns more and less, and changes nothing here.
    other = dataclasses.replace(config, version="2.0.0", records_per_shard=30)
    second = pipeline.build_dataset(other)
    for again, built in ((config, first), (other, second)):
        capsys.readouterr()
        assert pipeline.build_dataset(again) == built
        assert "complete already" in capsys.readouterr().out


@pytest.mark.usefixtures("fragile_decoder")
@pytest.mark.parametrize("killed_after", [1, 2])
def test_a_build_planned_anew_that_was_killed_goes_on(
    make_config, tmp_path, monkeypatch, killed_after
):
    _damage_late(tmp_path / "source", range(12, 30))
    config = make_config(max_reject_fraction=0.9, records_per_shard=1)
    undisturbed = pipeline.build_dataset(make_config(**_changes(config, tmp_path / "undisturbed")))
    original, runs = stages.run, []

    def killed(name, *arguments, **options):
        original(name, *arguments, **options)
        runs.append(name)
        if runs.count("WriteShards") == killed_after:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stages, "run", killed)
        with pytest.raises(KeyboardInterrupt):
            pipeline.build_dataset(config)
    built = pipeline.build_dataset(config)
    assert _hashes(built.directory) == _hashes(undisturbed.directory)
    assert pipeline.build_dataset(config) == built


def _changes(config, data_dir):
    return {
        "max_reject_fraction": config.max_reject_fraction,
        "records_per_shard": config.records_per_shard,
        "data_dir": str(data_dir),
    }


def _rewrite(path, content):
    """Gives a file other bytes of the same number, and the same time."""
    before = path.stat()
    assert len(content) == before.st_size
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_damage_that_the_scan_finds_is_in_no_plan(make_config, tmp_path, capsys):
    _damage(tmp_path / "source", range(12, 15))
    pipeline.build_dataset(make_config(max_reject_fraction=0.5, dry_run=True))
    printed = capsys.readouterr().out
    assert "would hold 12 images" in printed
    assert "Rejected: 3 (truncated 3)." in printed


def test_a_file_that_changed_unnoticed_is_looked_at_again_by_the_next_build(make_config, tmp_path):
    path = tmp_path / "source" / "real" / "000.jpg"
    path.write_bytes(painted.jpeg(150).ljust(2000, b"\0"))
    other = painted.jpeg(151).ljust(2000, b"\0")
    config = make_config(max_reject_fraction=0.5)
    pipeline.build_dataset(dataclasses.replace(config, version="2.0.0"))
    _rewrite(path, other)
    built = pipeline.build_dataset(config)
    assert built.manifest.rejects == {"changed": 1}
    mended = pipeline.build_dataset(dataclasses.replace(config, overwrite=True))
    assert mended.manifest.rejects == {}
    assert mended.manifest.num_examples == 12


def test_the_scan_of_files_that_are_gone_is_dropped_and_that_of_other_builds_kept(
    make_config, tmp_path, monkeypatch
):
    elsewhere = tmp_path / "elsewhere"
    painted.folder(elsewhere, count=20)
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "_plan", lambda *_: _stop())
        with pytest.raises(KeyboardInterrupt):
            pipeline.build_dataset(make_config(source=str(elsewhere)))
        with pytest.raises(KeyboardInterrupt):
            pipeline.build_dataset(make_config())
    (elsewhere / "real" / "000.jpg").unlink()  # as if its disk were not there
    (tmp_path / "source" / "real" / "000.jpg").unlink()
    pipeline.build_dataset(make_config(limit=9, splits="1,0,0"))
    (cache,) = (tmp_path / "data" / "tiny" / pipeline.SCAN_CACHE).glob("*.jsonl")
    paths = [
        json.loads(line)["fingerprint"].split("|")[0] for line in cache.read_text().splitlines()
    ]
    assert len([path for path in paths if path.startswith(str(elsewhere))]) == 20
    assert len([path for path in paths if path.startswith(str(tmp_path / "source"))]) == 11


def _stop():
    raise KeyboardInterrupt


def test_a_dry_run_writes_nothing(make_config, tmp_path, capsys):
    assert pipeline.build_dataset(make_config(dry_run=True)) is None
    assert not (tmp_path / "data").exists()
    printed = capsys.readouterr().out
    assert "Nothing is written." in printed
    assert "would hold 12 images in 4 shards" in printed
    assert "  train      label real 3, fake 3" in printed


def test_a_dry_run_reads_the_scan_that_is_there_and_leaves_it(make_config, tmp_path, monkeypatch):
    pipeline.build_dataset(make_config())
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "data").rglob("*")}
    monkeypatch.setattr(stages, "run", lambda *_, **__: pytest.fail("everything is known"))
    pipeline.build_dataset(make_config(dry_run=True, version="2.0.0"))
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "data").rglob("*")} == before


def test_a_dry_run_ends_as_the_build_would(make_config, tmp_path, monkeypatch, capsys):
    config = make_config(dry_run=True)
    with monkeypatch.context() as patch:
        patch.setattr("data_pipeline.planning.plan.estimated_bytes", lambda shard, size: 1 << 60)
        with pytest.raises(exits.MachineError, match="needs about .* MB free"):
            pipeline.build_dataset(config)
    (tmp_path / "source" / "real" / "empty.jpg").write_bytes(b"")
    with pytest.raises(exits.DataError, match=r"1 of 13 .*\. A build would publish nothing\. Mend"):
        pipeline.build_dataset(config)
    assert "would hold 12 images" in capsys.readouterr().out
    assert not (tmp_path / "data").exists()
    pipeline.build_dataset(make_config(max_reject_fraction=1))
    with pytest.raises(exits.UsageError, match="built otherwise"):
        pipeline.build_dataset(make_config(dry_run=True, max_reject_fraction=1, seed=1))


def test_overwrite_does_not_delete_what_no_build_has_made(make_config, tmp_path):
    thesis = tmp_path / "data" / "tiny" / "1.0.0" / "thesis.txt"
    thesis.parent.mkdir(parents=True)
    thesis.write_text("years of work")
    for config in (make_config(overwrite=True), make_config(overwrite=True, dry_run=True)):
        with pytest.raises(exits.UsageError, match="holds thesis.txt"):
            pipeline.build_dataset(config)
    assert thesis.read_text() == "years of work"


def test_a_limit_takes_rejects_in_proportion(make_config, tmp_path, capsys):
    for index in range(120):
        (tmp_path / "source" / f"notes{index}.txt").write_text("stray")
    built = pipeline.build_dataset(make_config(limit=6, splits="1,0,0", max_reject_fraction=0.99))
    assert built.manifest.num_examples == 6
    assert 20 < built.manifest.listed < 110
    assert built.manifest.rejects == {"no_class": built.manifest.listed - 6}
    printed = capsys.readouterr().out
    assert f"tiny: 132 files found. {built.manifest.listed} are taken." in printed


def test_what_a_listing_leaves_out_is_said_at_its_end(make_config, tmp_path, capsys):
    source = tmp_path / "splits"
    for index, name in enumerate(("train/real", "train/fake", "test/real", "validation/fake")):
        (source / name).mkdir(parents=True)
        (source / name / "1.jpg").write_bytes(painted.jpeg(index + 50))
    (source / "train" / "third").symlink_to(tmp_path)
    pipeline.build_dataset(
        make_config(source=str(source), splits=None, dry_run=True, max_reject_fraction=1)
    )
    assert capsys.readouterr().out.splitlines()[:4] == [
        "tiny: 5 files found.",
        "  Links to folders are not followed: train/third.",
        "  Split validation has no image of class real of target label.",
        "  Split test has no image of class fake of target label.",
    ]


def test_names_of_strangers_are_shown_on_one_line(make_config, tmp_path, capsys):
    content = painted.jpeg(199)
    for name in ("real/\x1b[2J\n.jpg", "fake/copy.jpg"):
        (tmp_path / "source" / name).write_bytes(content)
    built = pipeline.build_dataset(make_config(max_reject_fraction=1))
    for text in (capsys.readouterr().out, (built.directory / "report.html").read_text()):
        assert "\x1b" not in text
        assert r"another label: real/\x1b[2J\n.jpg" in text


def test_an_archive_with_repeated_and_unreadable_names_is_built(make_config, tmp_path):
    with (
        zipfile.ZipFile(tmp_path / "s.zip", "w") as archive,
        pytest.warns(UserWarning, match="Duplicate name"),
    ):
        for path in sorted((tmp_path / "source").rglob("*.jpg")):
            archive.write(path, path.relative_to(tmp_path / "source"))
        archive.writestr("real/000.jpg", painted.jpeg(190))
        archive.writestr("Real/002.JPG", painted.jpeg(191))
        archive.writestr("real/é.jpg", painted.jpeg(192))
    path = tmp_path / "s.zip"
    path.write_bytes(path.read_bytes().replace("é.jpg".encode(), b"\xff\xfe.jpg"))
    built = pipeline.build_dataset(make_config(source=str(path), max_reject_fraction=1))
    assert built.manifest.listed == 15
    assert built.manifest.rejects == {"repeated_name": 2}
    assert built.manifest.num_examples == 13


def test_a_limit_takes_a_fair_share(make_config):
    built = pipeline.build_dataset(make_config(limit=8))
    assert built.manifest.listed == 8


def test_a_class_without_a_usable_image_is_named(make_config, tmp_path):
    (tmp_path / "source" / "notes").mkdir()
    (tmp_path / "source" / "notes" / "a.jpg").write_text("no image")
    with pytest.raises(exits.DataError, match="No usable image is left of class 'notes'"):
        pipeline.build_dataset(make_config(max_reject_fraction=0.5))


def test_another_plan_needs_overwrite(make_config):
    before = pipeline.build_dataset(make_config())
    with pytest.raises(exits.UsageError, match="built otherwise: python -m .* Use --overwrite"):
        pipeline.build_dataset(make_config(seed=1))
    after = pipeline.build_dataset(make_config(seed=1, overwrite=True))
    assert after.directory == before.directory
    assert after.manifest.plan_digest != before.manifest.plan_digest


def test_a_damaged_dataset_is_named_and_overwrite_mends_it(make_config):
    built = pipeline.build_dataset(make_config())
    hashes = _hashes(built.directory)
    built.shard_paths("train")[0].write_bytes(b"")
    with pytest.raises(
        exits.DataError, match=r"is empty.* Repair it: python -m data_pipeline\.repair"
    ):
        pipeline.build_dataset(make_config())
    mended = pipeline.build_dataset(make_config(overwrite=True))
    assert _hashes(mended.directory) == hashes


def test_the_sources_splits_are_kept_by_default(make_config, tmp_path):
    for split in ("Train", "Valid", "Test"):
        painted.folder(tmp_path / "splits" / split, count=4)
    for index, path in enumerate(sorted((tmp_path / "splits").rglob("*.jpg"))):
        path.write_bytes(painted.jpeg(index + 50))
    built = pipeline.build_dataset(make_config(source=str(tmp_path / "splits"), splits=None))
    assert {name: split.num_examples for name, split in built.manifest.splits.items()} == {
        "train": 4,
        "validation": 4,
        "test": 4,
    }


def test_a_source_with_some_splits_is_asked_about(make_config, tmp_path):
    for split in ("train", "test"):
        painted.folder(tmp_path / "splits" / split, count=4)
    with pytest.raises(exits.UsageError, match="has splits test, train and no validation. Use"):
        pipeline.build_dataset(make_config(source=str(tmp_path / "splits"), splits=None))


def test_splits_that_the_source_does_not_have_cannot_be_kept(make_config):
    with pytest.raises(exits.UsageError, match="--splits=source needs a source with folders"):
        pipeline.build_dataset(make_config(splits="source"))


def test_two_builds_do_not_share_a_directory(make_config):
    config = make_config()
    with (
        directories.exclusive(config.parent, "--data_dir"),
        pytest.raises(exits.UsageError, match="is in use by another process.*--data_dir"),
    ):
        pipeline.build_dataset(config)


def test_a_disk_without_room_is_noticed_before_anything_is_written(make_config, monkeypatch):
    monkeypatch.setattr("data_pipeline.planning.plan.estimated_bytes", lambda shard, size: 1 << 60)
    with pytest.raises(exits.MachineError, match=r"needs about .* MB and its disk has .* MB free"):
        pipeline.build_dataset(make_config())


def test_a_disk_that_fills_up_keeps_what_is_done(make_config, monkeypatch):
    written = []
    original = framing.RecordWriter.write

    def full(self, payload):
        written.append(payload)
        if len(written) > 6:
            raise OSError(28, "No space left on device")
        original(self, payload)

    with monkeypatch.context() as patch:
        patch.setattr(framing.RecordWriter, "write", full)
        with pytest.raises(exits.MachineError, match="is full .* run the same command again"):
            pipeline.build_dataset(make_config(num_workers=1))
    again = _count_writes(monkeypatch)
    built = pipeline.build_dataset(make_config(num_workers=1))
    assert built.manifest.num_examples == 12
    assert len(again) < 12


def _count_writes(monkeypatch):
    written = []
    original = framing.RecordWriter.write
    monkeypatch.setattr(
        framing.RecordWriter,
        "write",
        lambda self, payload: (written.append(payload), original(self, payload))[1],
    )
    return written


def test_what_was_done_before_an_interruption_is_not_done_again(make_config, monkeypatch, tmp_path):
    undisturbed = pipeline.build_dataset(make_config(data_dir=str(tmp_path / "undisturbed")))
    original = stages.run

    def half(name, transform, elements, num_workers, **options):
        done = elements if name == "ScanFiles" else elements[:2]
        original(name, transform, done, num_workers, **options)
        if name == "WriteShards":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stages, "run", half)
        with pytest.raises(KeyboardInterrupt):
            pipeline.build_dataset(make_config())
    with pytest.raises(exits.DataError, match=r"unfinished.*python -m data_pipeline.build"):
        dataset.find(tmp_path / "data", "tiny")
    (unfinished,) = (tmp_path / "data" / "tiny").glob("1.0.0.incomplete-*")
    done = {path.name: path.stat().st_mtime_ns for path in unfinished.glob("*.tfrecord-*")}
    assert len(done) == 2
    built = pipeline.build_dataset(make_config())
    assert {name: (built.directory / name).stat().st_mtime_ns for name in done} == done
    assert _hashes(built.directory) == _hashes(undisturbed.directory)
    assert not unfinished.exists()


def _paint(path, index, *, mirrored=False):
    """Writes a picture of the sample, as it is or mirrored and at another quality."""
    path.parent.mkdir(parents=True, exist_ok=True)
    jpeg = painter.paint("vehicles", False, 0, index)
    if mirrored:
        file = io.BytesIO()
        ImageOps.mirror(Image.open(io.BytesIO(jpeg))).save(file, "JPEG", quality=80)
        jpeg = file.getvalue()
    path.write_bytes(jpeg)


def _source_with_look_alikes(root):
    for index, split in enumerate(("train", "train", "train", "validation", "test", "test")):
        _paint(root / split / ("real", "fake")[index % 2] / f"{index}.jpg", index)
    _paint(root / "train" / "fake" / "4 again.jpg", 4, mirrored=True)
    _paint(root / "train" / "real" / "3 again.jpg", 3, mirrored=True)
    return str(root)


def test_look_alikes_are_one_group_in_one_split(make_config, tmp_path, capsys):
    source = _source_with_look_alikes(tmp_path / "alike")
    built = pipeline.build_dataset(make_config(source=source, splits="0.6,0.2,0.2"))
    where: dict = {}
    for split in built.manifest.splits:
        for path in built.shard_paths(split):
            for record in map(example.decode, framing.read_records(path)):
                name = record["image_id"][0].decode().rsplit("/")[-1]
                where[name] = split, record["group_id"][0]
    assert where["4.jpg"] == where["4 again.jpg"]
    assert where["3.jpg"] == where["3 again.jpg"]
    assert len({group for _, group in where.values()}) == 6
    assert built.manifest.near_duplicates == {"groups": 2, "images": 4}
    assert "Look alike: 4 images in 2 groups, each group in one split." in capsys.readouterr().out
    page = (built.directory / "report.html").read_text()
    assert "4 images in 2 groups, the largest of 2" in page
    assert "train/fake/4 again.jpg" in page


def test_what_leaks_between_the_sources_splits_is_said_and_written(make_config, tmp_path, capsys):
    source = _source_with_look_alikes(tmp_path / "alike")
    built = pipeline.build_dataset(make_config(source=source, splits="source"))
    assert built.manifest.num_examples == 8
    statistics = json.loads((built.directory / "statistics.json").read_text())
    assert statistics["leaks"]["near_duplicates"] == {
        "train-validation": 1,
        "train-test": 1,
        "validation-test": 0,
    }
    printed = capsys.readouterr().out
    assert "Images of train that test has too: near duplicates 1." in printed
    assert "--splits=source-disjoint leaves them out" in printed
    page = (built.directory / "report.html").read_text()
    assert "What the source's splits share" in page


def test_disjoint_splits_leave_out_of_training_what_is_tested(make_config, tmp_path, capsys):
    source = _source_with_look_alikes(tmp_path / "alike")
    # Two of eight are left out; that is no fault of the files.
    built = pipeline.build_dataset(
        make_config(source=source, splits="source-disjoint", max_reject_fraction=0.0)
    )
    content = built.manifest
    assert (content.listed, content.num_examples, content.rejects) == (8, 6, {"leak": 2})
    assert {name: split.num_examples for name, split in content.splits.items()} == {
        "train": 3,
        "validation": 1,
        "test": 2,
    }
    assert "Rejected: 2 (leak 2)." in capsys.readouterr().out


def test_names_of_any_bytes_are_built(make_config, tmp_path):
    for name in (b"caf\xe9.jpg", b"line\nbreak.jpg", "日本.jpg".encode()):
        (tmp_path / "source" / "real" / os.fsdecode(name)).write_bytes(
            painted.jpeg(sum(name) % 90 + 100)
        )
    built = pipeline.build_dataset(make_config())
    assert built.manifest.num_examples == 15
    stored = {
        example.decode(record)["image_id"][0]
        for split in built.manifest.splits
        for path in built.shard_paths(split)
        for record in framing.read_records(path)
    }
    assert {b"real/caf\xe9.jpg", b"real/line\nbreak.jpg", "real/日本.jpg".encode()} <= stored


def test_every_trap_is_named_and_the_rest_is_built(make_config, tmp_path, fragile_decoder):
    folder = tmp_path / "source" / "real"
    contents = {
        "aborts.jpg": painted.jpeg(101, comment=fragile.ABORT),
        "aborts_late.jpg": painted.jpeg(102, comment=fragile.ABORT + fragile.STORE),
        "cut.jpg": painted.jpeg(103, 96, 64)[:-20] + b"\xff\xd9",
        "eats.jpg": painted.jpeg(104, comment=fragile.EAT_MEMORY + fragile.STORE),
        "empty.jpg": b"",
        "hangs.jpg": painted.jpeg(105, comment=fragile.HANG_IN_C),
        "page.jpg": b"<!DOCTYPE html><html>404</html>",
        "without_end.jpg": painted.jpeg(106)[:-2],
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    os.mkfifo(folder / "pipe.jpg")
    (folder / "ring.jpg").symlink_to("ring.jpg")
    (folder / "loop").symlink_to(folder)
    with (folder / "huge.jpg").open("wb") as file:
        file.truncate(1 << 30)
    built = pipeline.build_dataset(make_config(max_reject_fraction=0.9))
    lines = (built.directory / "rejects.jsonl").read_text().splitlines()
    reasons = {line["image_id"]: line["reason"] for line in map(json.loads, lines)}
    assert reasons == {
        "real/aborts.jpg": "crashed",
        "real/aborts_late.jpg": "crashed",
        "real/cut.jpg": "truncated",
        "real/eats.jpg": "out_of_memory",
        "real/empty.jpg": "empty_file",
        "real/hangs.jpg": "timeout",
        "real/huge.jpg": "too_many_bytes",
        "real/loop": "linked_folder",
        "real/page.jpg": "html",
        "real/pipe.jpg": "not_a_file",
        "real/ring.jpg": "unreadable",
    }
    assert built.manifest.num_examples == 13
    assert json.loads((built.directory / "statistics.json").read_text())["stored"]["repaired"] == 1
    assert {name: (folder / name).read_bytes() for name in contents} == contents


@pytest.mark.shared_data
def test_every_bad_file_is_written_or_named_and_what_is_written_decodes(
    make_config, tmp_path, shared_data
):
    bad = [path for path in sorted((shared_data / "bad_images").rglob("*")) if path.is_file()]
    for index, path in enumerate(bad):
        (tmp_path / "source" / "real" / f"{index:03d}_{path.name}").write_bytes(path.read_bytes())
    built = pipeline.build_dataset(make_config(max_reject_fraction=1.0))
    assert built.manifest.listed == 12 + len(bad)
    for split in built.manifest.splits:
        for path in built.shard_paths(split):
            for record in map(example.decode, framing.read_records(path)):
                pixels = tf.io.decode_jpeg(record["image"][0], channels=3)
                assert pixels.shape == (record["height"][0], record["width"][0], 3)


@pytest.mark.shared_data
def test_three_classes_account_for_all_files(make_config, shared_data):
    built = pipeline.build_dataset(
        make_config(source=str(shared_data / "three_class"), splits=None, records_per_shard=1024)
    )
    content = built.manifest
    assert content.listed == 449
    assert content.num_examples + content.duplicates + sum(content.rejects.values()) == 449
    assert content.targets["label"].class_names == ("animals", "human_faces", "vehicles")


def test_sources_are_never_changed(make_config, tmp_path):
    before = {path: path.read_bytes() for path in (tmp_path / "source").rglob("*.jpg")}
    pipeline.build_dataset(make_config())
    after = {path: path.read_bytes() for path in (tmp_path / "source").rglob("*.jpg")}
    assert after == before


def _audit(built):
    numbers = json.loads((built.directory / "statistics.json").read_text())
    return numbers["audit"]["label"], numbers["alike"]


def test_a_format_that_gives_the_label_away_is_called_out_and_mended(tmp_path, capsys):
    painted.shortcut(tmp_path / "source", 240)
    config = BuildConfig(
        dataset="tiny",
        layout="image_folder",
        source=str(tmp_path / "source"),
        data_dir=str(tmp_path / "data"),
    )
    found, alike = _audit(pipeline.build_dataset(config))
    assert (found["source"]["auc"], found["source"]["gives_away"]) == (1.0, "format")
    assert (found["dataset"]["auc"], found["dataset"]["gives_away"]) == (1.0, "JPEG quality")
    assert alike is None
    printed = capsys.readouterr().out
    assert "label can be told with an AUC of 1.00, most of all by JPEG quality." in printed
    assert "  --equalize encodes all images alike." in printed

    equalized = dataclasses.replace(config, equalize=True, version="2.0.0")
    built = pipeline.build_dataset(equalized)
    found, alike = _audit(built)
    assert found["source"]["auc"] == 1.0
    assert found["dataset"]["auc"] <= 0.6
    assert found["dataset"]["gives_away"] is None
    assert alike == {"quality": 75, "subsampling": 2}
    assert "can be told" not in capsys.readouterr().out
    images = [
        example.decode(record)["image"][0]
        for path in built.shard_paths("train")
        for record in framing.read_records(path)
    ]
    assert {encoding.read(image) for image in images} == {Encoding(75, "4:2:0")}
    with pytest.raises(exits.UsageError, match="was built otherwise"):
        pipeline.build_dataset(dataclasses.replace(config, version="2.0.0"))
