import hypothesis
from hypothesis import strategies as st

from data_pipeline.images import appearance
from data_pipeline.planning import groups
from data_pipeline.references import Facts, Reference
from data_pipeline.sample import painter
from data_pipeline.sources.locations import File


def _signature(index):
    jpeg = painter.paint("animals", False, 0, index)
    return appearance.look(jpeg, 256).signature


def _item(name, signature="", *, label=0, group=None):
    facts = Facts(name, 1, "JPEG", "RGB", 96, 96, signature)
    return Reference(name, File(name, 1, 1), {"label": label}, group or name), facts


def _groups(tied):
    by_id: dict = {}
    for reference, _ in tied.items:
        by_id.setdefault(reference.group_id, []).append(reference.image_id)
    return sorted(by_id.values())


def test_look_alikes_and_the_sources_groups_are_tied_over_each_other():
    same = _signature(0)
    items = [
        _item("a", same),
        _item("b", same, label=1, group="person"),
        _item("c", _signature(1), group="person"),
        _item("d", _signature(2)),
        _item("e"),
        _item("f"),
    ]
    tied = groups.tie(items, 4)
    assert _groups(tied) == [["a", "b", "c"], ["d"], ["e"], ["f"]]
    assert tied.items[0][0].group_id in ("a", "person")
    assert tied.look_alikes == groups.LookAlikes((("a", "b"),), num_pairs=1, num_mixed=1)
    assert (tied.look_alikes.num_images, tied.look_alikes.largest) == (2, 2)


def test_the_large_signatures_do_not_travel_on():
    tied = groups.tie([_item("a", _signature(0))], 4)
    assert tied.items[0][1].signature == ""


def test_nothing_looks_alike_where_it_is_not_asked_for():
    same = _signature(0)
    tied = groups.tie([_item("a", same), _item("b", same)], -1)
    assert _groups(tied) == [["a"], ["b"]]
    assert tied.look_alikes == groups.LookAlikes()


def test_the_order_does_not_matter():
    same = _signature(0)
    items = [_item("a", same), _item("b", same), _item("c", group="b"), _item("d")]
    forward, backward = groups.tie(items, 4), groups.tie(items[::-1], 4)
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
