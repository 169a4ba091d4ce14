import pytest

from tests import tiny
from tfrecords import dataset, exits, holdout


@pytest.fixture
def source(tmp_path):
    return dataset.load(tiny.write(tmp_path, train=6, validation=0, shards=2))


def _counts(*shards):
    """Counts from (training real, training fake, validation real, validation fake) per shard."""
    return {
        f"tiny-train.tfrecord-0000{index}-of-00002": {
            "train": {"label": list(found[:2])},
            "validation": {"label": list(found[2:])},
        }
        for index, found in enumerate(shards)
    }


def test_both_splits_share_the_shards_and_count_their_own_examples(source):
    carved = holdout.carve(source, 0.2, _counts((1, 1, 0, 1), (2, 0, 1, 0)))
    assert carved.held_out == 0.2
    for split, records, counts in (
        ("train", [2, 2], {"real": 3, "fake": 1}),
        ("validation", [1, 1], {"real": 1, "fake": 1}),
    ):
        found = carved.split(split)
        assert [shard.records for shard in found.shards] == records
        assert found.counts == {"label": counts}
    assert carved.split("test") == source.split("test")


def test_a_shard_without_records_of_a_split_is_not_read_for_it(source):
    carved = holdout.carve(source, 0.2, _counts((2, 1, 0, 0), (1, 1, 0, 1)))
    assert [path.name[-8:] for path in carved.shard_paths("validation")] == ["of-00002"]
    assert carved.split("validation").shards[0].name.endswith("00001-of-00002")


@pytest.mark.parametrize(
    ("shard", "split"), [((1, 2, 0, 0), "'validation'"), ((0, 0, 1, 2), "'train'")]
)
def test_too_few_groups_are_refused(source, shard, split):
    with pytest.raises(exits.UsageError) as error:
        holdout.carve(source, 0.15, _counts(shard, shard))
    assert f"--validation_fraction=0.15 leaves no examples for split {split}" in str(error.value)


def test_counts_are_kept_and_belong_to_one_plan(source):
    counts = _counts((1, 1, 0, 1), (2, 0, 1, 0))
    assert holdout.read_counts(source, 0.15) is None
    holdout.write_counts(source, 0.15, counts)
    assert holdout.read_counts(source, 0.15) == counts
    assert holdout.read_counts(source, 0.2) is None
    path = source.directory / ".holdout-1500.json"
    path.write_text(path.read_text().replace("0" * 64, "1" * 64))
    assert holdout.read_counts(source, 0.15) is None
    path.write_text("cut off")
    assert holdout.read_counts(source, 0.15) is None


def test_a_directory_that_cannot_be_written_to_is_no_obstacle(source, monkeypatch):
    def refuse(*args, **options):
        raise PermissionError

    monkeypatch.setattr("pathlib.Path.write_text", refuse)
    holdout.write_counts(source, 0.15, _counts((1, 1, 0, 1), (2, 0, 1, 0)))
    assert holdout.read_counts(source, 0.15) is None
