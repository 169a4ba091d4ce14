"""The numbers of classes: `real` is 0 and `fake` is 1, whatever a source says."""

import os
from collections.abc import Collection, Iterable

from tfrecords import exits, schema
from tfrecords.manifest import Target

LABEL_TARGET = Target(schema.LABEL_NAMES, positive="fake")


def target(names: Collection[str]) -> Target:
    """Returns what can be learnt from two or more classes: `real` and `fake` first where they are.

    With these two alone, fake is the positive class. The others keep their order.
    """
    if set(names) == set(schema.LABEL_NAMES):
        return LABEL_TARGET
    ordered = [name for name in names if name not in schema.LABEL_NAMES]
    for index, name in enumerate(schema.LABEL_NAMES):
        if name in names:
            ordered.insert(index, name)
    return Target(tuple(ordered))


def check_printable(names: Iterable[str], source: os.PathLike[str], what: str) -> None:
    """Refuses names of classes that cannot stand in a file of lines.

    Raises:
      DataError: naming them; `what` says in the plural what they are names of.
    """
    unwritable = [ascii(name) for name in names if not name.isprintable()]
    if unwritable:
        raise exits.DataError(
            f"--source={source}: the names of {what} must be printable UTF-8. "
            f"Received: {', '.join(unwritable)}. Rename them."
        )
