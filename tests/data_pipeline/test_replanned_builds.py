"""Builds whose images turn out to be damaged when they are written, and are planned anew."""

import dataclasses

import pytest

from data_pipeline import pipeline
from data_pipeline.running import stages
from tests.data_pipeline import contents, painted
from tests.data_pipeline import fragile_decoder as fragile


def _damage_late(source, numbers):
    """Adds images whose damage is found when the shards are written, and not by a look."""
    for index in numbers:
        content = painted.jpeg(7 * index, comment=fragile.RAISE + fragile.STORE)
        (source / "real" / f"{index:03d}.jpg").write_bytes(content)


@pytest.mark.usefixtures("fragile_decoder")
def test_a_shard_whose_images_are_all_damaged_is_planned_anew(make_config, tmp_path):
    _damage_late(tmp_path / "source", range(12, 30))
    config = make_config(max_reject_fraction=0.9, records_per_shard=1)
    built = pipeline.build_dataset(config)
    assert built.manifest.num_examples == 12
    assert built.manifest.listed == 30
    assert all(shard.records for split in built.manifest.splits.values() for shard in split.shards)


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
    assert contents.hashes(built.directory) == contents.hashes(undisturbed.directory)
    assert pipeline.build_dataset(config) == built


def _changes(config, data_dir):
    return {
        "max_reject_fraction": config.max_reject_fraction,
        "records_per_shard": config.records_per_shard,
        "data_dir": str(data_dir),
    }
