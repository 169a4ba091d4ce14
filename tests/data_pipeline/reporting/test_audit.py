import numpy as np
import pytest

from data_pipeline.references import Facts
from data_pipeline.reporting import audit
from tfrecords.manifest import Target

LABEL = Target(("real", "fake"), "fake")
_THREE = Target(("a", "b", "c"))


def _facts(index, **changes):
    """Facts that differ without a rule that a small number could find."""
    lot = index * 7919 % 211
    values = {"num_bytes": 5000 + 13 * lot, "format": "PNG", "mode": "RGB"}
    values |= {"width": 100, "height": 100, "red": lot, "green": index * 31 % 97, "blue": 9}
    return Facts(sha256="h", **{**values, **changes})


def _run(make, number=200, target=LABEL, classes=None, groups=None):
    labels = [index % (classes or len(target.class_names)) for index in range(number)]
    facts = [_facts(index, **make(label)) for index, label in enumerate(labels)]
    groups = groups or [str(index) for index in range(number)]
    return audit.judge(audit.evidence(facts, labels, groups, target))


@pytest.mark.parametrize(
    ("fact", "changes"),
    [
        ("format", {"format": "GIF"}),
        ("JPEG quality", {"quality": 75}),
        ("chroma subsampling", {"subsampling": "4:2:0"}),
        ("progressive", {"progressive": True}),
        ("EXIF", {"exif": True}),
        ("mode", {"mode": "L"}),
        ("width and height", {"width": 101}),
    ],
)
def test_the_fact_that_differs_is_named(fact, changes):
    result = _run(lambda label: changes if label else {})
    assert (result.auc, result.interval, result.gives_away) == (1.0, (1.0, 1.0), fact)
    assert result.by_fact[fact] == 1.0


def test_a_single_size_between_others_is_found():
    sizes = [90, 110, 95, 105]
    number = iter(range(200))
    result = _run(lambda label: {"width": 100 if label else sizes[next(number) // 2 % 4]})
    assert result.gives_away == "width and height"


def test_facts_that_tell_nothing_are_no_reason_to_warn():
    result = _run(lambda label: {})
    assert result.auc < 0.6
    assert result.gives_away is None
    assert set(result.by_fact) == {"bytes per pixel", "file size", "mean colour"}
    assert (result.class_name, result.num_images, result.is_sample) == ("fake", 200, False)


def test_facts_that_are_all_the_same_tell_nothing():
    same = {"num_bytes": 1, "red": 0, "green": 0}
    result = _run(lambda label: same)
    assert (result.auc, result.by_fact, result.gives_away) == (0.5, {}, None)


def test_of_several_classes_the_one_that_is_told_best_is_named():
    result = _run(lambda label: {"format": "GIF"} if label == 2 else {}, 150, _THREE)
    assert (result.class_name, result.auc, result.gives_away) == ("c", 1.0, "format")


@pytest.mark.parametrize("number", [0, 1, 2, 38])
def test_nothing_is_said_of_a_few_images(number):
    result = _run(lambda label: {"format": "GIF"} if label else {}, number)
    assert (result.auc, result.interval, result.gives_away) == (None, None, None)
    assert result.note == "not defined: it takes 20 groups of images of each of two classes"


def test_nothing_is_said_of_a_single_class():
    assert _run(lambda label: {}, 100, classes=1).auc is None


def test_what_a_few_large_groups_share_is_not_enough():
    groups = [str(index % 30) for index in range(200)]  # fifteen of each class
    assert _run(lambda label: {}, groups=groups).auc is None


def test_what_marks_a_group_does_not_tell_the_class():
    """Each group has a size of its own; in folds that split groups the size would tell."""
    groups = [f"{index % 2} {index // 2 % 41}" for index in range(410)]
    labels = [index % 2 for index in range(410)]
    facts = [_facts(i, width=100 + int(g.split()[1]) * 53 % 41) for i, g in enumerate(groups)]
    assert audit.judge(audit.evidence(facts, labels, groups, LABEL)).gives_away is None


def test_no_group_lies_in_two_folds():
    groups = np.arange(300) // 5
    folds = audit._folds(groups % 2 == 0, groups, 0)
    assert all(len(set(folds[groups == group])) == 1 for group in range(60))
    assert np.bincount(folds).tolist() == [60] * 5
    assert np.bincount(folds, groups % 2).tolist() == [30] * 5


def test_of_a_large_set_a_sample_is_taken_that_is_the_same_each_time(monkeypatch):
    monkeypatch.setattr(audit, "MAX_IMAGES", 120)
    taken = audit.sample(iter(range(500)), 500)
    assert len(set(taken)) == 120
    assert taken == sorted(taken) == audit.sample(range(500), 500)
    assert taken[0] < 50
    assert taken[-1] >= 450
    assert audit.sample(range(120), 120) == list(range(120))


def test_whether_there_are_more_images_is_told():
    evidence = audit.evidence([_facts(0)], [0], ["a"], LABEL, is_sample=True)
    assert audit.judge(evidence).is_sample


def test_the_interval_is_that_of_hanley_and_mcneil():
    # Their example: 58 normal and 51 abnormal patients, an area of .893 and an error of .032.
    low, high = audit.interval(0.893, 51, 58)
    assert (low, high) == pytest.approx((0.893 - 1.96 * 0.032, 0.893 + 1.96 * 0.032), abs=0.002)
    assert audit.interval(0.5, 100, 100) == (0.4198, 0.5802)


@pytest.mark.parametrize(
    ("fact", "is_equalized", "advice"),
    [
        ("format", False, "--equalize encodes all images alike."),
        ("file size", True, "All images were encoded alike: it lies in what the sources have"),
        ("width and height", False, "An --image_size below that of all sources"),
        ("mean colour", True, "Colour may belong to what is shown"),
    ],
)
def test_what_can_be_done_is_said(fact, is_equalized, advice):
    assert audit.advice(fact, is_equalized).startswith(advice)
