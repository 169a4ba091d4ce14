import math

import numpy as np
import pytest

from trainer.running import checkpoints, recovery

LIMITS = recovery.Limits(skipped_steps=3, loss=10.0, rollbacks=2)


def _note(counters, losses):
    """Notes steps, of which those without a finite loss were skipped."""
    values = np.array(losses)
    return recovery.note(counters, LIMITS, values, ~np.isfinite(values))


def test_sound_steps_give_no_reason():
    counters = checkpoints.Counters()
    assert _note(counters, [0.7, 9.9, 0.5]) is None
    assert (int(counters.skipped_steps), int(counters.skipped_in_a_row)) == (0, 0)


def test_skipped_steps_count_over_windows_and_only_in_a_row():
    counters = checkpoints.Counters()
    nan = math.nan
    assert _note(counters, [nan, 0.7, nan]) is None
    assert _note(counters, [nan, 0.7]) is None
    assert (int(counters.skipped_steps), int(counters.skipped_in_a_row)) == (3, 0)
    assert _note(counters, [0.7, nan, nan]) is None
    assert _note(counters, [nan]) == "3 steps in a row were skipped (--max_skipped_steps)"
    assert (int(counters.skipped_steps), int(counters.skipped_in_a_row)) == (6, 3)


def test_a_loss_above_its_bound_is_a_reason():
    counters = checkpoints.Counters()
    assert _note(counters, [0.7, 10.5, 0.6]) == "the loss was 10.5, above --max_loss=10"


def test_going_back_keeps_the_position_and_halves_the_rate():
    counters = checkpoints.Counters()
    counters.step.assign(7)
    counters.global_step.assign(27)
    counters.skipped_in_a_row.assign(3)
    counters.loss_sum.assign(1.5)

    def restore():
        for variable in counters.variables:
            variable.assign(np.zeros(variable.shape))

    recovery.roll_back(counters, restore)
    assert (int(counters.step), int(counters.global_step)) == (7, 27)
    assert float(counters.loss_sum) == 1.5
    assert (int(counters.rollbacks), int(counters.skipped_in_a_row)) == (1, 0)
    assert float(counters.rate_scale) == pytest.approx(0.5)
    recovery.roll_back(counters, restore)
    assert (int(counters.rollbacks), float(counters.rate_scale)) == (2, 0.25)
