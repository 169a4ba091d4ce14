"""What a layout is told beside its source."""

import dataclasses
import pathlib
from collections.abc import Mapping

from tfrecords import exits


@dataclasses.dataclass(frozen=True)
class SourceOptions:
    """What a layout is told beside its source.

    Attributes:
      seed: of a source that is painted.
      path_column, label_column, group_column: of a csv file; a source without groups has None.
      label_values: by a label as it is written in the source, in lower case, its class; empty where
        labels are the names of classes.
    """

    seed: int = 0
    path_column: str = "path"
    label_column: str = "label"
    group_column: str | None = None
    label_values: Mapping[str, str] = dataclasses.field(default_factory=dict)


def parse_label_values(text: str) -> dict[str, str]:
    """Returns `0=real,1=fake` as a mapping, all in lower case.

    Raises:
      UsageError: it is written otherwise, or names a value twice.
    """
    pairs = [part.split("=") for part in text.lower().split(",")]
    values = {pair[0].strip(): pair[-1].strip() for pair in pairs}
    is_clear = len(values) == len(pairs) and all(len(pair) == 2 for pair in pairs)
    if not is_clear or not all(value and name.isprintable() for value, name in values.items()):
        raise exits.UsageError(
            "--label_values must say of each value which class it is, such as 0=real,1=fake. "
            f"Received: {text!r}."
        )
    if "" in values.values():
        raise exits.UsageError(
            f"--label_values must name a class for each value. Received: {text!r}."
        )
    return values


def needed(source: pathlib.Path | None, layout: str) -> pathlib.Path:
    """Returns the source of a layout that cannot do without.

    Raises:
      UsageError: none was given.
    """
    if source is None:
        raise exits.UsageError(f"--layout={layout} needs --source=DIRECTORY or --source=ZIP.")
    return source
