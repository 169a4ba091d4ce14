"""Features on disk: a table of rows that is made once, and gone on with where a kill has left it.

    <digest>.rows    a row for each example, one after another, see `row_type`
    <digest>.json    what they are features of, how many rows are whole, and in the end their sha256

The digest is that of the key: of everything that determines the features. Features of other
weights, pixels or examples have another name, and are never taken for these.
"""

import dataclasses
import functools
import hashlib
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from trainer import run_directory

Key = Mapping[str, Any]


def row_type(num_features: int) -> np.dtype[np.void]:
    """Returns the type of a row.

    Its fields are `index`, the place among the stored records, int64; `label`, int64; and
    `features`, float16 [num_features].
    """
    return np.dtype(
        [("index", np.int64), ("label", np.int64), ("features", np.float16, (num_features,))]
    )


@dataclasses.dataclass(frozen=True)
class Table:
    """The features of a split on disk.

    Attributes:
      directory: that holds it, and others.
      key: of plain values; see above.
      num_rows: when it is whole.
      num_features: of a row.
    """

    directory: pathlib.Path
    key: Key
    num_rows: int
    num_features: int

    @functools.cached_property
    def digest(self) -> str:
        """The name of the key."""
        text = json.dumps(self.key, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def num_bytes(self) -> int:
        """The size of the rows on disk."""
        return self.num_rows * row_type(self.num_features).itemsize

    @property
    def num_bytes_left(self) -> int:
        """The part of it that is still to be written."""
        return self.num_bytes - self.num_done * row_type(self.num_features).itemsize

    @property
    def num_done(self) -> int:
        """The rows that are known to be on disk, at the beginning of the table."""
        return self._note()["rows"]

    def read(self) -> np.ndarray | None:
        """Returns the rows, mapped into memory; None where the table is not whole, or damaged.

        A damaged one is removed, to be made again.
        """
        note = self._note()
        if note["sha256"] is None:
            return None
        with self._rows.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != note["sha256"]:
            self._rows.unlink()
            self._json.unlink()
            return None
        return np.memmap(self._rows, row_type(self.num_features), mode="r", shape=(self.num_rows,))

    def rows_done(self) -> np.ndarray:
        """Returns the rows that are known to be on disk, mapped into memory; at least one."""
        return np.memmap(self._rows, row_type(self.num_features), mode="r", shape=(self.num_done,))

    def append(self, rows: np.ndarray) -> None:
        """Writes the rows that follow those that are done; on disk when it returns.

        Args:
          rows: of `row_type`, one or more, and no more than are missing.
        """
        done = self.num_done
        self.directory.mkdir(parents=True, exist_ok=True)
        with self._rows.open("r+b" if done else "wb") as file:
            file.seek(done * rows.dtype.itemsize)  # past it lies at most what a kill has cut
            file.truncate()
            file.write(rows.tobytes())
            file.flush()
            os.fsync(file.fileno())
        done += len(rows)
        digest = None
        if done == self.num_rows:
            with self._rows.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        self._write_note({"key": dict(self.key), "rows": done, "sha256": digest})

    @property
    def _rows(self) -> pathlib.Path:
        return self.directory / f"{self.digest}.rows"

    @property
    def _json(self) -> pathlib.Path:
        return self.directory / f"{self.digest}.json"

    def _note(self) -> dict[str, Any]:
        """Returns what is noted of the table; a note that does not fit the file counts as none."""
        nothing: dict[str, Any] = {"rows": 0, "sha256": None}
        try:
            note: dict[str, Any] = json.loads(self._json.read_text(encoding="utf-8"))
            whole = note["rows"] * row_type(self.num_features).itemsize
            return note if self._rows.stat().st_size >= whole else nothing
        except (OSError, ValueError, KeyError, TypeError):
            return nothing

    def _write_note(self, note: dict[str, Any]) -> None:
        run_directory.write_json(self._json, note)
