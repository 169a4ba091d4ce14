"""Builds that are refused, and what they say."""

import json

import pytest

from data_pipeline import pipeline, writing
from tests.data_pipeline import painted
from tfrecords import exits


def test_more_rejects_than_allowed_publish_nothing_and_name_every_file(make_config, tmp_path):
    (tmp_path / "source" / "real" / "empty.jpg").write_bytes(b"")
    with pytest.raises(exits.DataError, match=r"1 of 13 files were rejected \(empty_file 1\)") as e:
        pipeline.build_dataset(make_config())
    named = tmp_path / "data" / "tiny" / "1.0.0.rejects.jsonl"
    assert str(named) in str(e.value)
    assert json.loads(named.read_text())["image_id"] == "real/empty.jpg"
    assert not (tmp_path / "data" / "tiny" / "1.0.0").exists()


def test_a_class_without_a_usable_image_is_named(make_config, tmp_path):
    (tmp_path / "source" / "notes").mkdir()
    (tmp_path / "source" / "notes" / "a.jpg").write_text("no image")
    with pytest.raises(exits.DataError) as refused:
        pipeline.build_dataset(make_config(max_reject_fraction=0.5))
    assert str(refused.value) == (
        "No usable image is left of class 'notes' of target 'label'. A class needs examples. Of 13 "
        "files of all classes: rejected 1 (not_an_image 1; notes/a.jpg: begins with b'no image'), "
        "exact copies 0."
    )


def test_a_source_without_a_usable_image_says_why(make_config, tmp_path):
    for path in (tmp_path / "source").rglob("*.jpg"):
        path.write_text("no image")
    with pytest.raises(exits.DataError) as refused:
        pipeline.build_dataset(make_config(max_reject_fraction=1))
    assert str(refused.value) == (
        "No usable image is left. Of 12 files: rejected 12 (not_an_image 12; fake/001.jpg: begins "
        "with b'no image')."
    )


def test_more_conflicts_of_labels_than_allowed_are_refused_before_anything_is_written(
    make_config, tmp_path, monkeypatch
):
    monkeypatch.setattr(writing, "run", lambda *_: pytest.fail("nothing is to be written"))
    original = (tmp_path / "source" / "real" / "000.jpg").read_bytes()
    (tmp_path / "source" / "fake" / "copy.jpg").write_bytes(original)
    with pytest.raises(exits.DataError, match=r"2 of 13 files were rejected \(label_conflict 2\)"):
        pipeline.build_dataset(make_config())


def test_a_source_with_some_splits_is_asked_about(make_config, tmp_path):
    for split in ("train", "test"):
        painted.folder(tmp_path / "splits" / split, count=4)
    with pytest.raises(exits.UsageError, match="has splits test, train and no validation. Use"):
        pipeline.build_dataset(make_config(source=str(tmp_path / "splits"), splits=None))


def test_splits_that_the_source_does_not_have_cannot_be_kept(make_config):
    with pytest.raises(exits.UsageError, match="--splits=source needs a source with folders"):
        pipeline.build_dataset(make_config(splits="source"))


def test_another_plan_needs_overwrite(make_config):
    before = pipeline.build_dataset(make_config())
    with pytest.raises(exits.UsageError, match="built otherwise: python -m .* Use --overwrite"):
        pipeline.build_dataset(make_config(seed=1))
    after = pipeline.build_dataset(make_config(seed=1, overwrite=True))
    assert after.directory == before.directory
    assert after.manifest.plan_digest != before.manifest.plan_digest


def test_a_disk_without_room_is_noticed_before_anything_is_written(make_config, monkeypatch):
    monkeypatch.setattr("data_pipeline.planning.plan.estimated_bytes", lambda shard, size: 1 << 60)
    with pytest.raises(exits.MachineError, match=r"needs about .* MB and its disk has .* MB free"):
        pipeline.build_dataset(make_config())


def test_overwrite_does_not_delete_what_no_build_has_made(make_config, tmp_path):
    thesis = tmp_path / "data" / "tiny" / "1.0.0" / "thesis.txt"
    thesis.parent.mkdir(parents=True)
    thesis.write_text("years of work")
    for config in (make_config(overwrite=True), make_config(overwrite=True, dry_run=True)):
        with pytest.raises(exits.UsageError, match="holds thesis.txt"):
            pipeline.build_dataset(config)
    assert thesis.read_text() == "years of work"
