import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfrecords import balancing


@pytest.mark.parametrize(
    ("counts", "quotas"),
    [([9, 1], [5, 5]), ([1, 10], [6, 5]), ([4, 0, 3], [4, 0, 3]), ([8], [8]), ([0, 0], [0, 0])],
)
def test_each_class_that_is_there_gets_an_equal_share(counts, quotas):
    assert balancing.quotas(counts) == quotas


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=8))
def test_an_epoch_is_as_long_as_before_and_no_class_without_examples_is_due(counts):
    quotas = balancing.quotas(counts)
    assert sum(quotas) == sum(counts)
    assert [quota > 0 for quota, count in zip(quotas, counts, strict=True) if not count] == [
        False for count in counts if not count
    ]
    present = [quota for quota, count in zip(quotas, counts, strict=True) if count]
    assert not present or max(present) - min(present) <= 1
