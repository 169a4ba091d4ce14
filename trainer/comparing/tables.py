"""Tables as text for a terminal and as CSV."""

import csv
import io
from collections.abc import Mapping, Sequence

GAP = "  "


def text(rows: Sequence[Sequence[str]], width: int) -> str:
    """Returns a table whose lines are no wider than `width`, if its columns are not.

    Columns that have no room follow in a further table below, which repeats the first column.

    Args:
      rows: the header first, each of as many cells.
      width: in characters.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    blocks: list[list[int]] = [[]]
    room = width - widths[0]
    for column in range(1, len(widths)):
        needed = len(GAP) + widths[column]
        if blocks[-1] and needed > room:
            blocks.append([])
            room = width - widths[0]
        blocks[-1].append(column)
        room -= needed
    return "\n\n".join(_block(rows, widths, [0, *block]) for block in blocks)


def _block(rows: Sequence[Sequence[str]], widths: list[int], columns: list[int]) -> str:
    return "\n".join(
        GAP.join(row[column].ljust(widths[column]) for column in columns).rstrip() for row in rows
    )


def to_csv(rows: Sequence[Mapping[str, object]]) -> str:
    """Returns rows as CSV, with the columns of the first; None and what is absent are empty."""
    file = io.StringIO()
    lines = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    lines.writeheader()
    lines.writerows(rows)
    return file.getvalue()
