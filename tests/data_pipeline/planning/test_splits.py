import collections
import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from data_pipeline.planning import splits
from data_pipeline.planning.near_duplicates import Alike
from data_pipeline.references import Reference
from data_pipeline.sources.locations import File

SHARES = (0.8, 0.1, 0.1)


def _reference(name, *, label=0, group=None, split=None):
    return Reference(name, File(name, 1, 1), {"label": label}, group or name, split)


def _count(references, chosen):
    counts = collections.Counter((r.targets["label"], chosen[r.group_id]) for r in references)
    return {
        label: [counts[label, split] for split in ("train", "validation", "test")]
        for label in sorted({r.targets["label"] for r in references})
    }


def test_the_splits_of_ten_images_are_literally_these():
    chosen = splits.by_shares([_reference(f"{i}.jpg") for i in range(10)], (0.6, 0.2, 0.2), 0)
    assert {name: split for name, split in chosen.items() if split != "train"} == {
        "1.jpg": "validation",
        "2.jpg": "validation",
        "4.jpg": "test",
        "8.jpg": "test",
    }


def test_each_class_has_the_shares():
    references = [_reference(f"{i}.jpg", label=int(i >= 900)) for i in range(1000)]
    assert _count(references, splits.by_shares(references, SHARES, 0)) == {
        0: [720, 90, 90],
        1: [80, 10, 10],
    }


def test_another_seed_makes_other_splits():
    references = [_reference(f"{i}.jpg") for i in range(100)]
    assert splits.by_shares(references, SHARES, 0) != splits.by_shares(references, SHARES, 1)


def test_added_images_move_few_others():
    references = [_reference(f"{i}.jpg", label=i % 2) for i in range(1010)]
    before = splits.by_shares(references[:1000], SHARES, 0)
    after = splits.by_shares(references, SHARES, 0)
    assert sum(before[name] != after[name] for name in before) <= 10


def test_small_strata_are_not_all_trained_on():
    references = [_reference(f"{i}.jpg", label=i) for i in range(1000)]
    chosen = collections.Counter(splits.by_shares(references, SHARES, 0).values())
    assert 750 < chosen["train"] < 850
    assert min(chosen["validation"], chosen["test"]) > 70


GROUPED = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30)), min_size=1, max_size=120)


@hypothesis.given(GROUPED, st.integers(0, 3), st.randoms(use_true_random=False))
def test_groups_are_whole_shares_are_kept_and_the_order_does_not_matter(files, seed, random):
    references = [
        _reference(f"{i}.jpg", label=label, group=f"g{group}")
        for i, (label, group) in enumerate(files)
    ]
    chosen = splits.by_shares(references, (0.5, 0.25, 0.25), seed)
    assert chosen.keys() == {reference.group_id for reference in references}
    shuffled = random.sample(references, len(references))
    assert splits.by_shares(shuffled, (0.5, 0.25, 0.25), seed) == chosen
    strata = collections.defaultdict(set)
    for reference in references:
        strata[reference.group_id].add(reference.targets["label"])
    sizes = collections.Counter(reference.group_id for reference in references)
    for stratum in map(frozenset, strata.values()):
        members = [group for group, labels in strata.items() if labels == stratum]
        trained = sum(sizes[group] for group in members if chosen[group] == "train")
        total = sum(sizes[group] for group in members)
        assert abs(trained - 0.5 * total) <= max(sizes[group] for group in members)


SOURCE = st.lists(
    st.tuples(st.integers(0, 8), st.sampled_from(["train", "validation", "test", None])),
    max_size=40,
)


@hypothesis.given(SOURCE)
def test_what_is_left_of_the_sources_splits_shares_no_group_and_test_is_whole(files):
    references = [
        _reference(f"{i}.jpg", group=f"g{group}", split=split)
        for i, (group, split) in enumerate(files)
    ]
    gone = {reject.image_id for reject in splits.leaking(references)}
    left = collections.defaultdict(set)
    for reference in references:
        assert reference.split != "test" or reference.image_id not in gone
        if reference.image_id not in gone:
            left[reference.group_id].add(splits.of_source(reference))
    assert all(len(found) == 1 for found in left.values())
    assert left.keys() == {reference.group_id for reference in references}


def test_leaks_are_counted_once_for_each_file_of_the_first_split():
    references = [
        _reference("a", split="train"),
        _reference("b", split="train"),
        _reference("c", split="test"),
        _reference("d", split="test"),
        _reference("e", split="validation", group="person"),
        _reference("f", split="train", group="person"),
        _reference("g", split="train", group="person"),
    ]
    copy = _reference("h", split="validation")
    alike = Alike(np.arange(len(references)), np.array([(0, 1), (0, 2), (0, 3)]))
    found = splits.leaks(references, alike, [(copy, references[3])])
    assert found == {
        "exact_copies": {"train-validation": 0, "train-test": 0, "validation-test": 1},
        "near_duplicates": {"train-validation": 0, "train-test": 1, "validation-test": 0},
        "groups": {"train-validation": 2, "train-test": 0, "validation-test": 0},
    }


SPLITS = st.sampled_from(["train", "validation", "test"])


@hypothesis.given(
    st.lists(st.tuples(st.integers(0, 4), SPLITS), min_size=1, max_size=12),
    st.sets(st.tuples(st.integers(0, 4), st.integers(0, 4))),
)
def test_pictures_of_one_signature_leak_as_all_their_pairs_would(pictures, likes):
    """A picture is a number that stands for its signature, and a split."""
    numbers = [number for number, _ in pictures]
    references = [_reference(str(i), split=split) for i, (_, split) in enumerate(pictures)]
    together = {frozenset(like) for like in likes}
    places = sorted({numbers.index(number) for number in numbers})
    pairs = [
        pair
        for pair in itertools.combinations(places, 2)
        if frozenset(numbers[place] for place in pair) in together
    ]
    alike = Alike(
        np.array([numbers.index(number) for number in numbers]),
        np.array(pairs, np.int64).reshape(-1, 2),
    )
    every = [
        pair
        for pair in itertools.combinations(range(len(pictures)), 2)
        if len({numbers[place] for place in pair}) == 1
        or frozenset(numbers[place] for place in pair) in together
    ]
    one_by_one = Alike(np.arange(len(pictures)), np.array(every, np.int64).reshape(-1, 2))
    assert splits.leaks(references, alike, []) == splits.leaks(references, one_by_one, [])
    assert alike.num_pairs == one_by_one.num_pairs == len(every)


@pytest.mark.parametrize("split", ["train", None])
def test_what_is_in_no_split_is_trained_on(split):
    assert splits.of_source(_reference("a", split=split)) == "train"
