import math

import numpy as np
import pytest

from trainer.scoring import calibration


@pytest.mark.parametrize(("positive", "row"), [(1, [0.25, 0.75]), (0, [0.75, 0.25])])
def test_a_single_logit_speaks_of_the_positive_class(positive, row):
    chances = calibration.probabilities(np.array([[math.log(3)]]), positive)
    assert chances.tolist() == [pytest.approx(row)]


def test_several_logits_are_a_softmax():
    chances = calibration.probabilities(np.log([[1.0, 2.0, 5.0]]), positive=1)
    assert chances.tolist() == [pytest.approx([0.125, 0.25, 0.625])]


def test_logits_are_divided_and_then_shifted():
    fitted = calibration.Calibration(temperature=2, offset=math.log(3))
    chances = calibration.probabilities(np.array([[2 * math.log(3)]]), 1, fitted)
    assert chances[0, 1] == pytest.approx(0.9)


def test_small_chances_of_either_class_are_not_rounded_to_0():
    chances = calibration.probabilities(np.array([[50.0], [-50.0]]), 1)
    assert chances[:, 0].tolist() == pytest.approx([math.exp(-50), 1.0], rel=1e-6)
    assert chances[:, 1].tolist() == pytest.approx([1.0, math.exp(-50)], rel=1e-6)


@pytest.mark.parametrize(
    ("logits", "label", "positive", "loss"),
    [
        ([[math.log(3)]], 1, 1, math.log(4 / 3)),
        ([[math.log(3)]], 0, 1, math.log(4)),
        ([[math.log(3)]], 0, 0, math.log(4 / 3)),
        ([[1000.0]], 0, 1, 1000),
        ([[1000.0]], 1, 1, 0),
        ([[-1000.0]], 0, 0, 1000),
        ([[1000.0, 0.0, 0.0]], 1, 1, 1000),
        ([[0.0, 0.0, 0.0]], 2, 1, math.log(3)),
    ],
)
def test_the_log_loss_is_exact_also_for_huge_logits(logits, label, positive, loss):
    found = calibration.log_loss(np.array([label]), np.array(logits, np.float32), positive)
    assert found == pytest.approx(loss, rel=1e-6)


@pytest.mark.parametrize("positive", [0, 1])
@pytest.mark.parametrize(("factor", "shift"), [(0.5, 0.0), (3.0, 1.0), (1.0, -2.0)])
def test_what_was_done_to_honest_logits_is_found_again(factor, shift, positive):
    # Honest: of 10 examples with probability k/10, k are positive.
    logits, labels = [], []
    for hits in range(1, 10):
        logits += [[factor * (math.log(hits / (10 - hits)) - shift)]] * 10
        labels += [positive] * hits + [1 - positive] * (10 - hits)
    found = calibration.fit(np.array(labels), np.array(logits), positive)
    assert found.temperature == pytest.approx(factor, rel=1e-3)
    assert found.offset == pytest.approx(shift, abs=1e-3)


def test_several_logits_get_their_temperature_back_and_no_offset():
    # Three of four are right at chances that say 9 of 10.
    labels = np.array([0, 0, 0, 1])
    logits = np.log([[0.9, 0.05, 0.05]] * 4)
    found = calibration.fit(labels, logits, positive=1)
    chances = calibration.probabilities(logits, 1, found)
    assert chances[0, 0] == pytest.approx(0.75, abs=1e-3)
    assert found.offset == 0


def test_a_perfect_predictor_becomes_surer_within_bounds_and_a_wrong_one_unsure():
    logits = np.array([[-5.0], [5.0]])
    sure = calibration.fit(np.array([0, 1]), logits, 1)
    assert 0.05 <= sure.temperature < 2
    wrong = calibration.fit(np.array([1, 0]), logits, 1)
    assert wrong.temperature == pytest.approx(20, rel=1e-3)
