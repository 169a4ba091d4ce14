"""Builds that write nothing."""

import pytest

from data_pipeline import pipeline
from data_pipeline.running import stages
from tfrecords import exits


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
    with monkeypatch.context() as patch:
        patch.setattr("os.access", lambda path, mode: path != tmp_path)
        with pytest.raises(exits.MachineError, match="data/tiny cannot be written to: nothing can"):
            pipeline.build_dataset(config)
    (tmp_path / "source" / "real" / "empty.jpg").write_bytes(b"")
    with pytest.raises(exits.DataError, match=r"1 of 13 .*\. A build would publish nothing\. Mend"):
        pipeline.build_dataset(config)
    assert "would hold 12 images" in capsys.readouterr().out
    assert not (tmp_path / "data").exists()
    pipeline.build_dataset(make_config(max_reject_fraction=1))
    with pytest.raises(exits.UsageError, match="built otherwise"):
        pipeline.build_dataset(make_config(dry_run=True, max_reject_fraction=1, seed=1))
