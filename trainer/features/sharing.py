"""What the chief of several workers has of a table already, given to the others.

It is what an earlier process of the run has left on the chief's disk, as each writes to its own.
"""

import numpy as np

from trainer.features import tables
from trainer.workers import agreement

BLOCK_BYTES = 16 << 20  # given at once


def share(team: agreement.Workers, table: tables.Table) -> None:
    """Gives the others the rows that are done in the chief's table; theirs is empty.

    Args:
      team: all of whom call this.
      table: of each, in a directory of its own.
    """
    if team.count == 1:
        return
    row_type = tables.row_type(table.num_features)
    rows_at_once = max(1, BLOCK_BYTES // row_type.itemsize)
    num_done: int = team.chief_decides(lambda: _num_done(table))
    for start in range(0, num_done, rows_at_once):
        own = b""
        if team.is_chief:
            own = table.rows_done()[start : start + rows_at_once].tobytes()
        rows = np.frombuffer(team.from_chief(own), row_type)
        if not team.is_chief:
            table.append(rows)


def _num_done(table: tables.Table) -> int:
    table.read()  # which removes one that is damaged
    return table.num_done
