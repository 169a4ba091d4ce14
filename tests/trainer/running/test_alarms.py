import pytest

from trainer.running import alarms


def _line(step, accuracy, predicted_classes=2, phase="train", auc=0.5):
    return {
        "step": step,
        "phase": phase,
        "accuracy": accuracy,
        "auc": auc,
        "predicted_classes": predicted_classes,
    }


def test_a_model_that_learns_raises_none():
    assert alarms.find([_line(6, 0.5), _line(12, 0.6), _line(18, 0.6), _line(24, 0.7)]) == []


def test_one_predicted_class_raises_one_each_time():
    found = alarms.find([_line(6, 0.4667, 1), _line(12, 0.5, 2), _line(18, 0.4, 1)])
    assert found == [
        alarms.Alarm(6, "the same class is predicted for every validation example (step 6)"),
        alarms.Alarm(18, "the same class is predicted for every validation example (step 18)"),
    ]


def test_an_accuracy_that_stays_to_four_digits_for_three_epochs_raises_one():
    found = alarms.find([_line(6, 0.46671), _line(12, 0.46672), _line(18, 0.46668), _line(24, 0.5)])
    assert found == [
        alarms.Alarm(
            18, "the validation accuracy was 0.4667 in 3 epochs one after the other (step 18)"
        )
    ]


def test_classes_that_have_changed_their_names_raise_one():
    lines = [_line(6, 0.5, auc=0.0095), _line(12, 0.6, auc=0.3), _line(18, 0.7, auc=None)]
    assert alarms.find(lines) == [
        alarms.Alarm(
            6,
            "the validation AUC is 0.0095: what is told apart is called by the wrong names "
            "(step 6)",
        )
    ]


@pytest.mark.parametrize(
    "lines",
    [
        [_line(6, 0.5), _line(12, 0.5)],
        [_line(6, 0.5), _line(12, 0.5), _line(18, 0.5002)],
        [_line(6, 0.5, phase="head"), _line(12, 0.5, phase="head"), _line(18, 0.5)],
        [_line(6, 1.0), _line(12, 1.0), _line(18, 1.0)],
    ],
)
def test_two_epochs_two_phases_or_no_mistake_at_all_raise_none(lines):
    assert alarms.find(lines) == []
