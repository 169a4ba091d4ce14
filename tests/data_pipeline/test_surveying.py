"""What builds learn of their source, and keep."""

import dataclasses
import importlib.util
import json
import os

import pytest

from data_pipeline import pipeline
from tests.data_pipeline import painted
from tfrecords import exits


def _damage(source, numbers):
    """Adds images whose headers are whole."""
    for index in numbers:
        (source / "real" / f"{index:03d}.jpg").write_bytes(painted.jpeg(7 * index)[:-12])


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
    (cache,) = (tmp_path / "data" / "tiny" / pipeline.scan_cache(256)).glob("*.jsonl")
    paths = [
        json.loads(line)["fingerprint"].split("|")[0] for line in cache.read_text().splitlines()
    ]
    assert len([path for path in paths if path.startswith(str(elsewhere))]) == 20
    assert len([path for path in paths if path.startswith(str(tmp_path / "source"))]) == 11


def _stop():
    raise KeyboardInterrupt


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


def test_a_limit_takes_a_fair_share(make_config):
    built = pipeline.build_dataset(make_config(limit=8))
    assert built.manifest.listed == 8


def test_a_limit_takes_rejects_in_proportion(make_config, tmp_path, capsys):
    for index in range(120):
        (tmp_path / "source" / f"notes{index}.txt").write_text("stray")
    built = pipeline.build_dataset(make_config(limit=6, splits="1,0,0", max_reject_fraction=0.99))
    assert built.manifest.num_examples == 6
    assert 20 < built.manifest.listed < 110
    assert built.manifest.rejects == {"no_class": built.manifest.listed - 6}
    printed = capsys.readouterr().out
    assert f"tiny: 132 files found. {built.manifest.listed} are taken." in printed


def test_without_the_scaler_no_picture_is_called_corrupt(make_config, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(exits.MachineError, match=r"The package av, .* is not installed\. Install"):
        pipeline.build_dataset(make_config())
