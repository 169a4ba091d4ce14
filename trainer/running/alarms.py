"""Signs in the validations that a model has learnt nothing, which a falling loss does not show."""

import dataclasses
from collections.abc import Sequence
from typing import Any

EPOCHS_ALIKE = 3
DIGITS = 4
INVERTED_AUC = 0.1  # far from .5, where a model that has learnt nothing lies


@dataclasses.dataclass(frozen=True)
class Alarm:
    """What is wrong with the model after a step."""

    step: int
    text: str


def find(validations: Sequence[dict[str, Any]]) -> list[Alarm]:
    """Returns the alarms of a run, in the order of its validations.

    Args:
      validations: lines of `metrics.jsonl`: `step`, `phase`, `accuracy`, `auc` and
        `predicted_classes`, the number of classes that were predicted for at least one example.
    """
    alarms = []
    for index, line in enumerate(validations):
        if line["predicted_classes"] == 1:
            text = f"the same class is predicted for every validation example (step {line['step']})"
            alarms.append(Alarm(line["step"], text))
        if line["auc"] is not None and line["auc"] < INVERTED_AUC:
            text = (
                f"the validation AUC is {line['auc']:.{DIGITS}f}: what is told apart is called by "
                f"the wrong names (step {line['step']})"
            )
            alarms.append(Alarm(line["step"], text))
        last = validations[max(0, index + 1 - EPOCHS_ALIKE) : index + 1]
        if _are_alike(last):
            text = (
                f"the validation accuracy was {line['accuracy']:.{DIGITS}f} in {EPOCHS_ALIKE} "
                f"epochs one after the other (step {line['step']})"
            )
            alarms.append(Alarm(line["step"], text))
    return alarms


def _are_alike(lines: Sequence[dict[str, Any]]) -> bool:
    accuracies = {round(line["accuracy"], DIGITS) for line in lines}
    return (
        len(lines) == EPOCHS_ALIKE
        and len({line["phase"] for line in lines}) == 1
        and len(accuracies) == 1
        and accuracies != {1.0}  # without a mistake there is nothing left to change
    )
