"""Whole builds, through the function that the command calls."""

import json
import zipfile

import pytest

from data_pipeline import pipeline
from data_pipeline.running import stages
from tests.data_pipeline import contents, painted
from tfrecords import dataset, directories, exits, framing


def test_the_shards_of_twelve_images_hold_literally_this(make_config):
    built = pipeline.build_dataset(make_config())
    found: dict = {}
    for _, path, record in contents.records(built):
        shown = record["image_id"][0].decode(), record["label"][0]
        found.setdefault(path.name, []).append(shown)
    assert found == {
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


@pytest.mark.parametrize("number", [2, stages.DECODERS_PER_PROCESS + 1])
def test_every_number_of_workers_gives_the_same_bytes(make_config, tmp_path, number):
    one = pipeline.build_dataset(make_config(num_workers=1))
    more = pipeline.build_dataset(make_config(num_workers=number, data_dir=str(tmp_path / "more")))
    assert contents.hashes(one.directory) == contents.hashes(more.directory)
    assert one.manifest.plan_digest == more.manifest.plan_digest


def test_an_archive_gives_the_same_bytes_as_its_directory(make_config, tmp_path):
    with zipfile.ZipFile(tmp_path / "source.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in (tmp_path / "source").rglob("*.jpg"):
            archive.write(path, path.relative_to(tmp_path / "source"))
    from_folder = pipeline.build_dataset(make_config())
    from_archive = pipeline.build_dataset(
        make_config(source=str(tmp_path / "source.zip"), data_dir=str(tmp_path / "other"))
    )
    assert contents.hashes(from_archive.directory) == contents.hashes(from_folder.directory)


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


def test_a_damaged_dataset_is_named_and_overwrite_mends_it(make_config):
    built = pipeline.build_dataset(make_config())
    hashes = contents.hashes(built.directory)
    built.shard_paths("train")[0].write_bytes(b"")
    with pytest.raises(
        exits.DataError, match=r"is empty.* Repair it: python -m data_pipeline\.repair"
    ):
        pipeline.build_dataset(make_config())
    mended = pipeline.build_dataset(make_config(overwrite=True))
    assert contents.hashes(mended.directory) == hashes


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


def test_two_builds_do_not_share_a_directory(make_config):
    config = make_config()
    with (
        directories.exclusive(config.parent, "--data_dir"),
        pytest.raises(exits.UsageError, match="is in use by another process.*--data_dir"),
    ):
        pipeline.build_dataset(config)


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
    assert contents.hashes(built.directory) == contents.hashes(undisturbed.directory)
    assert not unfinished.exists()


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
