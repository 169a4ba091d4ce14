import hypothesis
import pytest
from hypothesis import strategies as st

from trainer.capacity import estimates
from trainer.capacity.memory import Operation

GB = 10**9


@pytest.fixture(autouse=True, scope="module")
def _plain_numbers():
    """In place of those that are measured, and measured anew now and then."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimates, "SCATTERED", 0.5)
        patch.setattr(estimates, "SCATTERED_AT_FIRST", 0.25)
        patch.setattr(estimates, "SCATTERED_AT_FIRST_BYTES", 10_000)
        patch.setattr(estimates, "FORWARD_SAFETY", 2.0)
        patch.setattr(estimates, "UPDATE_COPIES", 4.5)
        patch.setattr(estimates, "OVERHEAD_BYTES", 10_000)
        patch.setattr(estimates, "OVERHEAD_BYTES_PER_OPERATION", 100)
        patch.setattr(estimates, "OVERHEAD_BYTES_PER_WEIGHT", 10)
        patch.setattr(estimates, "COMPILED_BYTES", 1)
        yield


@hypothesis.given(st.integers(1, 10**8), st.integers(1, 10**8), st.integers(10**9, 10**11))
def test_what_fits_stays_below_the_memory_and_one_more_would_not(trainable, activations, available):
    estimate = estimates.Estimate(trainable, trainable, activations)
    size = estimate.largest_micro_batch(available)
    usable = estimates.USABLE * available
    if size:
        assert estimate.total(size, in_pieces=True) <= usable + 1
    assert estimate.total(size + 2, in_pieces=True) > usable


def test_the_update_takes_more_than_the_gradients_of_few_examples():
    estimate = estimates.Estimate(1000, 1000, activations_per_example=1000)
    # Two copies by the optimizer, weights, and in the update 4.5 of the gradients.
    assert estimate.total(1) == 8000 + 4000 + 18_000
    assert estimate.total(4) == estimate.total(1)
    # With more weights, gradients, once, and activations, which the allocator scatters.
    assert estimate.total(22) == 8000 + (4000 + 4000 + 22_000) * 1.75


def test_the_first_bytes_are_scattered_most():
    estimate = estimates.Estimate(0, 0, activations_per_example=1000)
    assert estimate.total(20) == 20_000 * 1.75
    assert estimate.total(40) == 40_000 * 1.75
    assert estimate.total(80) == 80_000 * 1.5 + 10_000


def test_a_forward_pass_is_planned_with_more_care_than_what_is_kept():
    frozen = estimates.Estimate(0, 0, activations_per_example=1000, forward_per_example=1000)
    assert frozen.total(10) == 20_000 * 1.75
    trains = estimates.Estimate(0, 0, activations_per_example=1000, forward_per_example=400)
    assert trains.total(20) == 20_000 * 1.75


def test_gradients_of_several_micro_batches_and_replicas_are_summed_in_copies():
    one = estimates.Estimate(1000, 1000, activations_per_example=1)
    two = estimates.Estimate(1000, 1000, activations_per_example=1, num_replicas=2)
    assert one.total(1, in_pieces=True) == one.total(1) + 4000
    assert two.total(1) == one.total(1) + 4000


def test_only_what_trains_has_gradients_and_slots():
    estimate = estimates.Estimate(
        parameters=1000, trainable_parameters=100, activations_per_example=1
    )
    assert (estimate.weights, estimate.gradients, estimate.optimizer) == (4000, 400, 800)


def test_half_precision_casts_the_weights():
    estimate = estimates.Estimate(1000, 100, 1, in_half=True)
    assert estimate.weights == 6000


def test_predictions_count_where_they_take_more_than_training():
    estimate = estimates.Estimate(0, 0, 1000, inference=32_000)
    assert estimate.total(8) == 64_000 * 1.5 + 10_000
    assert estimate.total(128) == 128_000 * 1.5 + 10_000
    assert estimate.largest_inference(available := GB, 1_000_000) == 299
    assert estimate.largest_inference(available, 10 * GB) == 1


def test_a_device_that_is_too_small_holds_no_example():
    assert estimates.Estimate(GB, GB, 1).largest_micro_batch(8 * GB) == 0
    # The gradients of an example would fit, the update does not.
    assert estimates.Estimate(GB, GB, 1).largest_micro_batch(20 * GB) == 0


@pytest.mark.parametrize(("trains", "expected"), [(False, 10_231), (True, 10_233)])
def test_code_takes_more_for_weights_and_for_what_is_compiled(trains, expected):
    operations = [Operation((), 0, 1), Operation((0,), 1, 1, trains, is_compiled=True)]
    assert estimates.overhead(operations, num_weights=3) == expected


def test_code_that_is_computed_again_is_there_twice():
    operations = [Operation((), 0, 1), *(Operation((i - 1,), i, 1, True) for i in (1, 2, 3))]
    assert estimates.overhead(operations, 6) == 10_000 + 4 * 100 + 6 * 10
    assert estimates.overhead(operations, 6, cuts=(0, 2)) == 10_000 + 6 * 100 + 6 * 10
