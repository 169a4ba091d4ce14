import hypothesis
from hypothesis import strategies as st

from trainer.capacity import memory, segments
from trainer.capacity.memory import Operation


def _chain(*sizes):
    """Operations one after the other; the first makes the images, each other needs its input."""
    image = Operation((), 0, sizes[0])
    return [
        image,
        *(Operation((i - 1,), i, sizes[i], True, (i - 1,), (i - 1,)) for i in range(1, len(sizes))),
    ]


def test_a_chain_is_cut_into_segments_that_keep_alike():
    chain = _chain(*[10] * 17)
    cuts = segments.choose(chain, range(17))
    assert cuts == (0, 5, 10, 15)
    assert memory.peak_bytes_per_example(chain) == 180
    # Three inputs are kept, and beside them four activations of one segment and two gradients.
    assert memory.peak_bytes_per_example(chain, cuts) == 90


def test_a_short_chain_is_not_worth_it():
    assert segments.choose(_chain(10, 10, 10), range(3)) == ()


def test_there_is_no_cut_under_a_shortcut():
    chain = _chain(*[10] * 17)
    around = Operation((2, 15), 16, 10, False)
    # Between them two tensors are needed; elsewhere nothing is gained.
    assert segments.choose([*chain[:16], around], range(17)) == ()


def test_what_comes_from_outside_may_be_needed_anywhere():
    seeds = Operation((), 99, 1)
    chain = [
        Operation((*op.inputs, 99), op.output, 10, True, op.inputs, op.inputs) if op.inputs else op
        for op in _chain(*[10] * 17)
    ]
    assert segments.choose([chain[0], seeds, *chain[1:]], range(17)) == (0, 5, 10, 15)


def test_cuts_are_made_where_it_is_allowed():
    assert set(segments.choose(_chain(*[10] * 17), (0, 5, 11))) == {0, 5, 11}
    assert segments.choose(_chain(*[10] * 17), ()) == ()


def test_what_does_not_train_is_not_computed_again():
    frozen = [Operation((i - 1,) if i else (), i, 10) for i in range(9)]
    chain = [*frozen, *_chain(*[10] * 26)[9:]]
    assert segments.choose(chain, range(26))[0] == 8


def test_where_nothing_trains_there_is_no_cut():
    assert (
        segments.choose([Operation((i - 1,) if i else (), i, 10) for i in range(9)], range(9)) == ()
    )


@hypothesis.given(st.lists(st.integers(1, 1000), min_size=2, max_size=40))
def test_cuts_save_what_they_are_worth_or_are_not_made(sizes):
    chain = _chain(*sizes)
    whole = memory.peak_bytes_per_example(chain)
    cuts = segments.choose(chain, range(len(sizes)))
    assert list(cuts) == sorted(set(cuts))
    assert not cuts or memory.peak_bytes_per_example(chain, cuts) < segments.WORTH * whole
    assert len(cuts) != 1
