"""Sketches of pictures, kept on disk while a build runs: they are most of what is known of a file.

A sketch is what a look finds of a picture beside its facts: its signature, by which it is found
where it comes again, and its histogram. They are rows of a file without a name, which is gone with
the process that has it. They are mapped into memory when they are asked for, and let go with the
array that is given: who asks anew for each look keeps none of them in memory.
"""

import contextlib
import dataclasses
import pathlib
import tempfile
import weakref
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from data_pipeline.images import colours, perceptual_hash

_ROW = np.dtype(
    [
        ("signature", np.uint64, (perceptual_hash.NUM_HASHES, perceptual_hash.WORDS)),
        ("histogram", np.uint16, (len(colours.CHANNELS), colours.BINS)),
    ]
)


@dataclasses.dataclass(frozen=True, slots=True)
class Sketch:
    """The `signature` of a picture, see `perceptual_hash`, and its `histogram`, see `colours`."""

    signature: str
    histogram: str


def packed(sketch: Sketch) -> bytes:
    """Returns the row of a sketch.

    Raises:
      ValueError: it is none.
    """
    signature = perceptual_hash.unpack([sketch.signature])
    row = signature.tobytes() + colours.unpack(sketch.histogram).astype(np.uint16).tobytes()
    if len(row) != _ROW.itemsize:
        raise ValueError(f"A sketch has {_ROW.itemsize} bytes. Received: {len(row)}.")
    return row


def _close(file: IO[bytes]) -> None:
    with contextlib.suppress(OSError):  # on a full disk, which has been told of by then
        file.close()


class Sketches:
    """Packed sketches by the numbers of their rows."""

    def __init__(self, directory: pathlib.Path) -> None:
        self._file = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115 - closed with this
        weakref.finalize(self, _close, self._file)
        self._number = 0

    def add(self, row: bytes) -> int:
        """Keeps what `packed` returns; returns the number of its row."""
        self._file.write(row)
        self._number += 1
        return self._number - 1

    def signatures(self) -> npt.NDArray[np.uint64]:
        """Returns uint64 [rows, NUM_HASHES, WORDS]; all 0 where a picture has none."""
        return self._rows()["signature"]

    def histograms(self) -> npt.NDArray[np.uint16]:
        """Returns uint16 [rows, 4, BINS]."""
        return self._rows()["histogram"]

    def _rows(self) -> npt.NDArray[Any]:
        if not self._number:  # nothing cannot be mapped
            return np.empty(0, _ROW)
        self._file.flush()
        return np.memmap(self._file, _ROW, "r", shape=(self._number,))
