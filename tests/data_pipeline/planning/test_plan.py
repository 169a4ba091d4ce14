import dataclasses

import hypothesis
import pytest
from hypothesis import strategies as st

from data_pipeline.images.image_policy import JpegSettings
from data_pipeline.planning import plan
from data_pipeline.references import Facts, Listing, Reference, Reject
from data_pipeline.sources.locations import File
from tfrecords import exits

OPTIONS = plan.Options("tiny", 0, (0.6, 0.2, 0.2), 64, 4)


def _item(name, *, content=None, label=0, group=None, split=None):
    sha256 = (content or name).encode().hex().ljust(64, "0")
    reference = Reference(name, File(name, 1, 1), {"label": label}, group or name, split)
    return reference, Facts(sha256, 1000, "JPEG", "RGB", 32, 48)


def _ids(planned):
    return {
        shard.name: [reference.image_id for reference, _ in shard.items] for shard in planned.shards
    }


def test_the_plan_of_twelve_files_is_literally_this():
    planned = plan.make([_item(f"{index:02d}.jpg") for index in range(12)], OPTIONS)
    assert _ids(planned) == {
        "tiny-train.tfrecord-00000-of-00002": ["02.jpg", "04.jpg", "00.jpg", "03.jpg"],
        "tiny-train.tfrecord-00001-of-00002": ["10.jpg", "06.jpg", "07.jpg", "09.jpg"],
        "tiny-validation.tfrecord-00000-of-00001": ["08.jpg", "01.jpg"],
        "tiny-test.tfrecord-00000-of-00001": ["11.jpg", "05.jpg"],
    }


def test_a_plan_with_more_shards_than_names_is_refused_with_the_number_to_use(monkeypatch):
    monkeypatch.setattr("tfrecords.names.MAX_SHARDS", 3)
    items = [_item(f"{index}.jpg", split="train") for index in range(10)]
    options = dataclasses.replace(OPTIONS, fractions=None, records_per_shard=2)
    with pytest.raises(exits.UsageError, match="10 examples of split train .* 5 shards.*Use 4 or"):
        plan.make(items, options)
    assert len(plan.make(items, dataclasses.replace(options, records_per_shard=4)).shards) == 3


@hypothesis.given(st.integers(1, 30), st.integers(0, 3))
def test_a_sample_has_so_many_references_and_its_share_of_rejects(limit, seed):
    references = tuple(_item(f"{index}.jpg")[0] for index in range(30))
    rejects = tuple(Reject(f"{index}.txt", "no_class", "") for index in range(10))
    taken = plan.sample(Listing(references, rejects, {}), limit, seed)
    assert len(taken.references) == limit
    assert {ref.image_id for ref in taken.references} <= {ref.image_id for ref in references}
    places = [plan.order(reference.image_id, seed) for reference in taken.references]
    assert all(plan.order(reject.image_id, seed) < max(places) for reject in taken.rejects)
    assert len(taken.rejects) == sum(
        plan.order(reject.image_id, seed) < max(places) for reject in rejects
    )


def test_the_order_of_the_listing_does_not_matter():
    items = [_item(f"{index}.jpg") for index in range(20)]
    assert plan.make(items[::-1], OPTIONS) == plan.make(items, OPTIONS)


def test_another_seed_is_another_plan():
    items = [_item(f"{index}.jpg") for index in range(20)]
    other = plan.Options("tiny", 1, (0.6, 0.2, 0.2), 64, 4)
    assert plan.make(items, other).digest != plan.make(items, OPTIONS).digest


def test_encoding_all_images_alike_is_another_plan_of_the_same_shards():
    items = [_item(f"{index}.jpg") for index in range(20)]
    plain = plan.make(items, OPTIONS)
    alike = plan.make(items, dataclasses.replace(OPTIONS, equalize=True))
    assert (plain.alike, alike.alike) == (None, JpegSettings(95, 0))
    assert alike.digest != plain.digest
    assert alike.shards == plain.shards
    coarse = [(ref, dataclasses.replace(facts, quality=70)) for ref, facts in items]
    assert plan.make(coarse, dataclasses.replace(OPTIONS, equalize=True)).digest != alike.digest
    assert plan.make(coarse, OPTIONS).digest == plain.digest


def test_exact_copies_are_dropped_but_one():
    unique, duplicates, rejects = plan.deduplicate(
        [_item("b.jpg", content="x"), _item("a.jpg", content="x"), _item("c.jpg")]
    )
    assert [reference.image_id for reference, _ in unique] == ["a.jpg", "c.jpg"]
    assert duplicates == {"b.jpg": "a.jpg"}
    assert rejects == ()


def test_bytes_with_two_labels_are_rejected_altogether():
    unique, duplicates, rejects = plan.deduplicate(
        [_item("a.jpg", content="x"), _item("b.jpg", content="x", label=1)]
    )
    assert (unique, duplicates) == ([], {})
    assert [(reject.image_id, reject.reason, reject.detail) for reject in rejects] == [
        ("a.jpg", "label_conflict", "the same bytes have another label: b.jpg"),
        ("b.jpg", "label_conflict", "the same bytes have another label: a.jpg"),
    ]


def test_of_copies_in_two_splits_the_tested_one_is_kept():
    items = [
        _item("train/a.jpg", content="x", split="train"),
        _item("valid/a.jpg", content="x", split="validation"),
        _item("test/a.jpg", content="x", split="test"),
    ]
    unique, duplicates, _ = plan.deduplicate(items)
    assert [reference.image_id for reference, _ in unique] == ["test/a.jpg"]
    assert duplicates == {"train/a.jpg": "test/a.jpg", "valid/a.jpg": "test/a.jpg"}


def test_the_sources_splits_are_kept():
    items = [_item(f"{s}/{i}.jpg", split=s) for s in ("train", "test") for i in range(3)]
    planned = plan.make(items, plan.Options("tiny", 0, None, 64, 2))
    assert [(shard.name, len(shard.items)) for shard in planned.shards] == [
        ("tiny-train.tfrecord-00000-of-00002", 1),
        ("tiny-train.tfrecord-00001-of-00002", 2),
        ("tiny-test.tfrecord-00000-of-00002", 1),
        ("tiny-test.tfrecord-00001-of-00002", 2),
    ]


def _source_with_leaks():
    return [
        _item("train/a.jpg", group="actor", split="train"),
        _item("train/b.jpg", split="train"),
        _item("train/c.jpg", content="c", split="train"),
        _item("validation/d.jpg", split="validation"),
        _item("validation/e.jpg", group="actor", split="validation"),
        _item("test/f.jpg", group="actor", split="test"),
        _item("test/c.jpg", content="c", split="test"),
    ]


def test_what_leaks_between_the_sources_splits_is_counted_and_kept():
    planned = plan.make(_source_with_leaks(), plan.Options("tiny", 0, None, 64, 9))
    assert planned.leaks == {
        "exact_copies": {"train-validation": 0, "train-test": 1, "validation-test": 0},
        "near_duplicates": {"train-validation": 0, "train-test": 0, "validation-test": 0},
        "groups": {"train-validation": 1, "train-test": 1, "validation-test": 1},
    }
    assert [planned.count(split) for split in ("train", "validation", "test")] == [2, 2, 2]
    assert planned.rejects == ()


def test_disjoint_splits_leave_out_what_leaks_and_keep_test_whole():
    options = plan.Options("tiny", 0, None, 64, 9, disjoint=True)
    planned = plan.make(_source_with_leaks(), options)
    assert {shard.split: {r.image_id for r, _ in shard.items} for shard in planned.shards} == {
        "train": {"train/b.jpg"},
        "validation": {"validation/d.jpg"},
        "test": {"test/f.jpg", "test/c.jpg"},
    }
    assert [(r.image_id, r.reason, r.detail) for r in sorted(planned.rejects, key=str)] == [
        ("train/a.jpg", "leak", "tied to test/f.jpg, which is in test"),
        ("validation/e.jpg", "leak", "tied to test/f.jpg, which is in test"),
    ]
    assert planned.duplicates == {"train/c.jpg": "test/c.jpg"}


def test_an_empty_split_is_an_error_with_the_counts():
    with pytest.raises(exits.DataError, match="Split 'validation' would be empty.*--splits"):
        plan.make([_item("a.jpg")], plan.Options("tiny", 0, (1 - 1e-9, 5e-10, 5e-10), 64, 4))


def test_no_image_left_is_an_error():
    with pytest.raises(exits.DataError, match="No image is left"):
        plan.make([], plan.Options("tiny", 0, None, 64, 4))


def test_the_estimate_counts_what_will_be_stored():
    planned = plan.make([_item("a.jpg", split="train")], plan.Options("tiny", 0, None, 64, 4))
    assert plan.estimated_bytes(planned.shards[0], 64) == 1300
    assert plan.estimated_bytes(planned.shards[0], 16) == 300 + 16 * 24


FILES = st.lists(
    st.tuples(
        st.text("abc/é\udce9", min_size=1, max_size=6),
        st.sampled_from("xyz123456789"),
        st.integers(0, 1),
        st.sampled_from(["g1", "g2", "g3", "g4"]),
    ),
    unique_by=lambda item: item[0],
    max_size=40,
)


@hypothesis.given(FILES, st.integers(0, 3), st.integers(1, 5))
def test_each_file_has_one_fate_and_no_group_straddles_splits(files, seed, records_per_shard):
    items = [_item(n, content=c, label=label, group=g) for n, c, label, g in files]
    options = plan.Options("tiny", seed, (0.5, 0.25, 0.25), 64, records_per_shard)
    try:
        planned = plan.make(items, options)
    except exits.DataError:
        return
    written = [r.image_id for shard in planned.shards for r, _ in shard.items]
    rejected = [reject.image_id for reject in planned.rejects]
    fates = sorted([*written, *rejected, *planned.duplicates])
    assert fates == sorted(name for name, *_ in files)
    splits_of_group: dict = {}
    for shard in planned.shards:
        for reference, _ in shard.items:
            splits_of_group.setdefault(reference.group_id, set()).add(shard.split)
    assert all(len(splits) == 1 for splits in splits_of_group.values())
    for split in ("train", "validation", "test"):
        lengths = [len(shard.items) for shard in planned.shards if shard.split == split]
        assert max(lengths) - min(lengths) <= 1
        assert max(lengths) <= records_per_shard


@pytest.mark.parametrize(
    ("num_records", "records_per_shard", "lengths"),
    [
        (127, 1024, [127]),
        (200, 1024, [66, 67, 67]),
        (1600, 1024, [200] * 8),
        (10_000, 1024, [1000] * 10),
    ],
)
def test_a_small_split_has_shards_for_several_workers(num_records, records_per_shard, lengths):
    files = [_item(f"real/{index}.jpg") for index in range(num_records)]
    options = plan.Options("tiny", 0, (1.0, 0.0, 0.0), 64, records_per_shard)
    assert [len(shard.items) for shard in plan.make(files, options).shards] == lengths
