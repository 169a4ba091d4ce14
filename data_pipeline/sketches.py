"""Sketches of pictures, kept on disk while a build runs: they are most of what is known of a file.

A sketch is what a look finds of a picture beside its facts: its signature, by which it is found
where it comes again, and its histogram. They are rows of two files without names, which are gone
with the process that has them. They are mapped into memory when they are asked for, and let go with
the array that is given: who asks anew for each look keeps few of them in memory.
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


@dataclasses.dataclass(frozen=True, slots=True)
class Sketch:
    """The `signature` of a picture, see `perceptual_hash`, and its `histogram`, see `colours`."""

    signature: str
    histogram: str


@dataclasses.dataclass(frozen=True, slots=True)
class Packed:
    """A sketch as two rows: uint64 [NUM_HASHES, WORDS] and uint16 [4, BINS]."""

    signature: bytes
    histogram: bytes


def packed(sketch: Sketch) -> Packed:
    """Returns the rows of a sketch.

    Raises:
      ValueError: it is none.
    """
    signature = perceptual_hash.unpack([sketch.signature])
    histogram = colours.unpack(sketch.histogram).astype(np.uint16)
    if len(histogram) != len(colours.CHANNELS):
        raise ValueError(f"A histogram has {len(colours.CHANNELS)} rows. Received: {histogram}.")
    return Packed(signature.tobytes(), histogram.tobytes())


class Sketches:
    """Packed sketches by the numbers of their rows."""

    def __init__(self, directory: pathlib.Path) -> None:
        self._signatures, self._histograms = _file(self, directory), _file(self, directory)
        self._number = 0

    def add(self, sketch: Packed) -> int:
        """Keeps a sketch; returns the number of its row."""
        self._signatures.write(sketch.signature)
        self._histograms.write(sketch.histogram)
        self._number += 1
        return self._number - 1

    def signatures(self) -> npt.NDArray[np.uint64]:
        """Returns uint64 [rows, NUM_HASHES, WORDS]; all 0 where a picture has none."""
        shape = self._number, perceptual_hash.NUM_HASHES, perceptual_hash.WORDS
        return _mapped(self._signatures, np.uint64, shape)

    def histograms(self) -> npt.NDArray[np.uint16]:
        """Returns uint16 [rows, 4, BINS]."""
        shape = self._number, len(colours.CHANNELS), colours.BINS
        return _mapped(self._histograms, np.uint16, shape)


def _file(owner: Sketches, directory: pathlib.Path) -> IO[bytes]:
    """Returns a file without a name, which is closed when its owner is gone."""
    file = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115
    weakref.finalize(owner, _close, file)
    return file


def _close(file: IO[bytes]) -> None:
    with contextlib.suppress(OSError):  # on a full disk, which has been told of by then
        file.close()


def _mapped(file: IO[bytes], kind: npt.DTypeLike, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    file.flush()
    # Nothing cannot be mapped.
    return np.memmap(file, kind, "r", shape=shape) if shape[0] else np.empty(shape, kind)
