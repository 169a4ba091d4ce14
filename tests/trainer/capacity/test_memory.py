import hypothesis
from hypothesis import strategies as st

from trainer.capacity import memory
from trainer.capacity.memory import Operation


def _chain(*sizes, trains=False):
    """Operations one after the other, each of which needs what came in."""
    return [
        Operation((i - 1,) if i else (), i, size, trains and i > 0, (i - 1,), (i - 1,))
        for i, size in enumerate(sizes)
    ]


def test_without_gradients_only_neighbours_are_alive():
    assert memory.peak_bytes_per_example(_chain(100, 10, 30, 5)) == 110


def test_with_gradients_all_that_they_need_is_kept():
    # At the end: the images, 10 and 30 are kept beside 5; going back, the gradients of 5 and 30
    # stand beside the three, then those of 30 and 10 beside the first two.
    assert memory.peak_bytes_per_example(_chain(100, 10, 30, 5, trains=True)) == 175


def test_frozen_layers_before_the_first_that_trains_keep_nothing():
    chain = _chain(100, 60, 30, 5)
    chain[3] = Operation((2,), 3, 5, True, (2,), (2,))
    assert memory.peak_bytes_per_example(chain) == 160


def test_a_frozen_layer_after_one_that_trains_keeps_only_what_its_inputs_gradient_needs():
    first = Operation((0,), 1, 10, True, (0,))
    frozen = Operation((1,), 2, 1000, False, (1,))
    last = Operation((2,), 3, 1, False, (2,))
    # Nothing but the image is needed: 1000 is alive with 10, then with the gradients.
    found = memory.peak_bytes_per_example([Operation((), 0, 1), first, frozen, last])
    assert found == 1 + 1000 + 10


def test_an_operation_in_place_takes_no_memory_of_its_own():
    image = Operation((), 0, 50)
    assert memory.peak_bytes_per_example([image, Operation((0,), 1, 50)]) == 100
    assert memory.peak_bytes_per_example([image, Operation((0,), 1, 50, in_place=True)]) == 50


def test_the_gradient_of_an_operation_in_place_takes_the_place_of_the_one_before():
    for in_place, expected in ((False, 130), (True, 120)):
        last = Operation((1,), 2, 10, True, (), (2,), in_place)
        chain = [Operation((), 0, 100), Operation((0,), 1, 10, True, (0,)), last]
        assert memory.peak_bytes_per_example(chain) == expected


def test_a_shortcut_is_alive_until_it_is_added():
    chain = [*_chain(10, 20, 30), Operation((0, 2), 3, 30)]
    assert memory.peak_bytes_per_example(chain) == 70  # 10 + 30 + the sum; 10 + 20 + 30 before


def test_a_workspace_is_alive_with_its_operation():
    chain = [Operation((), 0, 10), Operation((0,), 1, 5, workspace=100)]
    assert memory.peak_bytes_per_example(chain) == 115


def test_the_workspace_of_a_gradient_is_alive_with_it():
    last = Operation((0,), 1, 5, True, (0,), gradient_workspace=100)
    assert memory.peak_bytes_per_example([Operation((), 0, 10), last]) == 115
    assert memory.bytes_of_inference([Operation((), 0, 10), last]) == 15


def test_a_prediction_keeps_nothing_for_gradients():
    assert memory.bytes_of_inference(_chain(100, 10, 30, 5, trains=True)) == 110


def test_between_cuts_nothing_is_kept_and_one_part_at_a_time_is_computed_again():
    chain = _chain(100, 10, 10, 10, 10, 10, trains=True)
    # All but the last are kept, beside the gradients of the last two.
    assert memory.peak_bytes_per_example(chain) == 160
    # The images and one more are kept; the two behind it are computed again, beside the gradient of
    # the second one.
    assert memory.peak_bytes_per_example(chain, (0, 2, 4)) == 140
    # All three behind the images are, or the gradients of two of them stand beside the other two.
    assert memory.peak_bytes_per_example(chain, (0, 3)) == 140


def test_what_lies_between_cuts_is_computed_again():
    chain = _chain(1, 2, 3, 4, 5)
    assert memory.computed_again(chain, (1, 2, 3)) == chain[2:4]
    assert memory.computed_again(chain, ()) == []


@hypothesis.given(st.lists(st.integers(1, 1000), min_size=2, max_size=12))
def test_training_takes_no_less_than_all_that_is_kept_and_no_less_than_prediction(sizes):
    trained = memory.peak_bytes_per_example(_chain(*sizes, trains=True))
    assert trained >= sum(sizes)
    assert trained >= memory.peak_bytes_per_example(_chain(*sizes))
