import hypothesis
import pytest
from hypothesis import strategies as st

from data_pipeline.images import appearance, perceptual_hash
from data_pipeline.planning import groups
from data_pipeline.references import Facts, Reference
from data_pipeline.sample import painter
from data_pipeline.sources.locations import File


@pytest.fixture(scope="module")
def signatures():
    """Of three pictures."""
    jpegs = [painter.paint("animals", False, 0, index) for index in range(3)]
    found = perceptual_hash.unpack([appearance.look(jpeg, 256).signature for jpeg in jpegs])
    return lambda: found


def _item(name, picture=-1, *, label=0, group=None):
    facts = Facts(name, 1, "JPEG", "RGB", 96, 96, sketch=picture)
    return Reference(name, File(name, 1, 1), {"label": label}, group or name), facts


def _groups(tied):
    by_id: dict = {}
    for reference, _ in tied.items:
        by_id.setdefault(reference.group_id, []).append(reference.image_id)
    return sorted(by_id.values())


def test_look_alikes_and_the_sources_groups_are_tied_over_each_other(signatures):
    items = [
        _item("a", 0),
        _item("b", 0, label=1, group="person"),
        _item("c", 1, group="person"),
        _item("d", 2),
        _item("e"),
        _item("f"),
    ]
    tied = groups.tie(items, signatures, 4)
    assert _groups(tied) == [["a", "b", "c"], ["d"], ["e"], ["f"]]
    assert tied.items[0][0].group_id in ("a", "person")
    assert tied.look_alikes == groups.LookAlikes((("a", "b"),), num_pairs=1, num_mixed=1)
    assert (tied.look_alikes.num_images, tied.look_alikes.largest) == (2, 2)


def test_what_is_not_tied_is_the_same_object_as_before(signatures):
    items = [_item("a", 0), _item("b", 1)]
    tied = groups.tie(items, signatures, 4)
    assert [new is old for new, old in zip(tied.items, items, strict=True)] == [True, True]


def test_nothing_looks_alike_where_it_is_not_asked_for(signatures):
    tied = groups.tie([_item("a", 0), _item("b", 0)], signatures, -1)
    assert _groups(tied) == [["a"], ["b"]]
    assert tied.look_alikes == groups.LookAlikes()


def test_the_order_does_not_matter(signatures):
    items = [_item("a", 0), _item("b", 0), _item("c", group="b"), _item("d")]
    forward, backward = groups.tie(items, signatures, 4), groups.tie(items[::-1], signatures, 4)
    assert forward.items == backward.items[::-1]
    assert forward.look_alikes == backward.look_alikes


def _by_hand(number, pairs):
    roots = list(range(number))
    for _ in range(number):
        for first, second in pairs:
            roots[first] = roots[second] = min(roots[first], roots[second])
    return roots


@hypothesis.given(st.data())
def test_components_are_those_that_repeated_joining_finds(data):
    number = data.draw(st.integers(1, 12))
    place = st.integers(0, number - 1)
    pairs = data.draw(st.lists(st.tuples(place, place), max_size=14))
    assert groups.components(number, pairs) == _by_hand(number, pairs)
