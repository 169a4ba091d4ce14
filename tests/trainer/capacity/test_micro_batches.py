import itertools

import hypothesis
import pytest
from hypothesis import strategies as st

from tfrecords import exits
from trainer.capacity import micro_batches


@pytest.mark.parametrize(
    ("batch", "sizes"),
    [
        (1, [1]),
        (7, [7, 1]),
        (64, [64, 32, 16, 8, 4, 2, 1]),
        (100, [100, 50, 25, 10, 5, 2, 1]),
        (192, [192, 96, 64, 48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1]),
    ],
)
def test_the_sizes_to_try(batch, sizes):
    assert micro_batches.sizes(batch) == sizes


@hypothesis.given(st.integers(1, 3000))
def test_sizes_divide_the_batch_and_fall_to_1_by_a_quarter_at_least(batch):
    sizes = micro_batches.sizes(batch)
    assert (sizes[0], sizes[-1]) == (batch, 1)
    assert all(batch % size == 0 for size in sizes)
    for larger, smaller in itertools.pairwise(sizes):
        assert smaller <= 0.75 * larger


@pytest.mark.parametrize(("bound", "size"), [(0, 1), (1, 1), (31, 24), (32, 32), (1e9, 96)])
def test_the_largest_size_under_a_bound(bound, size):
    assert micro_batches.largest(96, bound) == size


@pytest.mark.parametrize(("size", "smaller"), [(96, 48), (48, 32), (2, 1), (1, None), (80, 48)])
def test_the_next_smaller_size(size, smaller):
    assert micro_batches.next_smaller(96, size) == smaller


def test_what_the_flag_asks_for():
    assert micro_batches.asked_for("auto", 12) is None
    assert micro_batches.asked_for("4", 12) == 4


def test_a_size_that_does_not_divide_the_batch_names_those_that_do():
    with pytest.raises(exits.UsageError) as error:
        micro_batches.asked_for("5", 12)
    assert str(error.value) == (
        "--micro_batch must be auto or divide the 12 examples of each replica: "
        "1, 2, 3, 4, 6, 12. Received: 5."
    )


@pytest.mark.parametrize("text", ["", "0", "-4", "4.0", "automatic"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(exits.UsageError, match="must be auto or a number above 0. Received: "):
        micro_batches.check(text)
