"""The examples of a split with what a model says of each, and the file that keeps them."""

import csv
import dataclasses
import hashlib
import pathlib
from typing import Any, Self

import numpy as np

from tfrecords import exits
from trainer.scoring import bootstrap, metrics

_COLUMNS = ("image_id", "group_id", "label")
_OF_CLASS = "probability_"
# Names of files need not be UTF-8; they are written in their own bytes.
_TEXT: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}


@dataclasses.dataclass(frozen=True)
class Scored:
    """Examples in stored order, and their calibrated probabilities.

    Attributes:
      image_ids, group_ids: of each example.
      labels: int64 [examples].
      chances: float64 [examples, classes].
      class_names: in the order of the indices.
      positive: the index of the positive class of two.
    """

    image_ids: tuple[str, ...]
    group_ids: tuple[str, ...]
    labels: np.ndarray
    chances: np.ndarray
    class_names: tuple[str, ...]
    positive: int

    def evaluate(self) -> dict[str, Any]:
        """Returns all metrics, each with its 95 % interval."""
        arguments = (self.labels, self.chances)
        values = metrics.evaluate(*arguments, self.class_names, self.positive)
        named = {name: values[name] for name in metrics.NAMES}
        return {
            **values,
            "groups": len(set(self.group_ids)),
            **bootstrap.intervals(named, *arguments, self.positive, self.group_ids),
        }

    def sha256(self) -> str:
        """Returns a hash of which examples there are, in which order, with which labels."""
        digest = hashlib.sha256()
        for image_id, label in zip(self.image_ids, self.labels.tolist(), strict=True):
            digest.update(f"{image_id}\0{label}\0".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def write(self, path: pathlib.Path) -> None:
        """Writes a line for each example, whole or not at all; probabilities to the last bit."""
        temporary = path.with_name(f".{path.name}.tmp")
        with temporary.open("w", **_TEXT) as file:
            lines = csv.writer(file, lineterminator="\n")
            lines.writerow([*_COLUMNS, *(f"{_OF_CLASS}{name}" for name in self.class_names)])
            names = [self.class_names[label] for label in self.labels]
            columns = zip(self.image_ids, self.group_ids, names, strict=True)
            for texts, row in zip(columns, self.chances.tolist(), strict=True):
                lines.writerow([*texts, *row])
        temporary.replace(path)

    @classmethod
    def read(cls, path: pathlib.Path, positive: int) -> Self:
        """Reads what `write` wrote.

        Raises:
          DataError: it is absent or damaged.
        """
        try:
            with path.open(**_TEXT) as file:
                header, *rows = list(csv.reader(file))
            class_names = tuple(name.removeprefix(_OF_CLASS) for name in header[len(_COLUMNS) :])
            image_ids, group_ids, names, *chances = zip(*rows, strict=True)
            labels = np.array([class_names.index(name) for name in names])
            table = np.array(chances, np.float64).T
        except (OSError, ValueError, csv.Error) as error:
            raise exits.DataError(f"{path} cannot be read: {error}") from error
        return cls(image_ids, group_ids, labels, table, class_names, positive)
