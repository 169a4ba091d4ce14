"""Signatures of pictures: what looks alike has nearly the same bits. Pure.

The hash is the difference hash (dHash) of Neal Krawetz, "Kind of Like That", The Hacker Factor
Blog, 2013: a picture is reduced to 9 x 8 grey values, and each bit says whether the next value to
the right is larger. Three things are added, because near-duplicates are to be found that were
cropped, and unrelated pictures of one kind, such as aligned faces, are not to be tied together:

- A picture is hashed as a whole and through windows that leave out 3 % of it, as it would look
  after it was cropped. A cropped copy, as a whole, is within a few bits of one of them.
- Beside each hash of 64 bits stands a fine one of 256 bits, made alike from 17 x 16 values. The
  first finds candidates, the second confirms them.
- A difference counts only from `CLEAR` grey levels on, so that the noise of even areas sets no
  bits; a picture without enough clear differences has no signature, as all such have one hash.
"""

import base64
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

VERSION = 1  # changes when the signature of any picture changes
SIDE = 64  # pixels of the grey picture that is hashed
CLEAR = 1.0  # grey levels, of 255
MIN_CLEAR = 0.25  # share of the fine differences

_WIDTH, _FINE_WIDTH = 8, 16  # differences along a side
_BLUR = (0.4, 0.5)  # standard deviation of the Gaussian that samples, in cells; coarse, fine
_CROP = 0.03
# Left, top, right, bottom: how much is left out, the whole first. A crop of 3 % along a side lies
# within 1.5 % of one of these; the last has lost 3 % at every edge.
_WINDOWS = (
    (0, 0, 0, 0),
    (_CROP, _CROP, 0, 0),
    (0, _CROP, _CROP, 0),
    (_CROP, 0, 0, _CROP),
    (0, 0, _CROP, _CROP),
    (_CROP / 2, _CROP / 2, _CROP / 2, _CROP / 2),
    (_CROP, _CROP, _CROP, _CROP),
)
WHOLE, MIRRORED = 0, len(_WINDOWS)  # the places of two hashes in a signature
NUM_HASHES = len(_WINDOWS) + 1
WORDS = 1 + _FINE_WIDTH**2 // 64  # of 64 bits: the hash, and the fine one
_EMPTY = bytes(NUM_HASHES * WORDS * 8)

Matrix = npt.NDArray[np.float32]


def signature(grey: npt.NDArray[np.uint8]) -> str:
    """Returns the signature of a picture; empty if it has too little structure for one.

    Args:
      grey: uint8 [SIDE, SIDE], the whole picture.

    Returns:
      Base64 of uint64 [NUM_HASHES, WORDS], big-endian: a row for each window, the whole first, and
      one for the mirrored picture; in a row the hash of 64 bits and the fine one of 256.
    """
    pixels = grey.astype(np.float32)
    # The mirrored picture is hashed only as a whole.
    mirrored = pixels[:, ::-1]
    coarse = [_differences(pixels, *_COARSE), _differences(mirrored, *_first(_COARSE))]
    fine = [_differences(pixels, *_FINE), _differences(mirrored, *_first(_FINE))]
    if np.count_nonzero(np.abs(fine[0][WHOLE]) > CLEAR) < MIN_CLEAR * fine[0][WHOLE].size:
        return ""
    rows = np.concatenate([_packed(coarse), _packed(fine)], axis=1)
    return base64.b64encode(rows.tobytes()).decode()


def unpack(signatures: Sequence[str]) -> npt.NDArray[np.uint64]:
    """Returns uint64 [number, NUM_HASHES, WORDS] of signatures; all 0 of an empty one."""
    data = b"".join(base64.b64decode(text) or _EMPTY for text in signatures)
    return np.frombuffer(data, ">u8").astype(np.uint64).reshape(-1, NUM_HASHES, WORDS)


def _packed(differences: Sequence[Matrix]) -> npt.NDArray[np.uint8]:
    bits = np.concatenate(differences) > CLEAR
    return np.packbits(bits.reshape(NUM_HASHES, -1), axis=1)


def _differences(pixels: Matrix, rows: Matrix, columns: Matrix) -> Matrix:
    """Returns float32 [window, width, width]: the next value to the right, less each value."""
    sampled: Matrix = np.matmul(np.matmul(rows, pixels), columns)
    return sampled[:, :, 1:] - sampled[:, :, :-1]


def _samplers(width: int, blur: float) -> tuple[Matrix, Matrix]:
    """Returns float32 [window, width, SIDE] and [window, SIDE, width + 1]."""
    rows = [_weights(width, top, bottom, blur) for _, top, _, bottom in _WINDOWS]
    columns = [_weights(width + 1, left, right, blur).T for left, _, right, _ in _WINDOWS]
    return np.stack(rows), np.stack(columns)


def _first(samplers: tuple[Matrix, Matrix]) -> tuple[Matrix, Matrix]:
    rows, columns = samplers
    return rows[:1], columns[:1]


def _weights(cells: int, before: float, after: float, blur: float) -> Matrix:
    """Returns float32 [cells, SIDE]: how much each pixel along an axis adds to each cell."""
    cell = (1 - before - after) / cells
    centres = before + cell * (np.arange(cells) + 0.5)
    pixels = (np.arange(SIDE) + 0.5) / SIDE
    weights = np.exp(-0.5 * ((pixels - centres[:, None]) / (blur * cell)) ** 2)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


_COARSE = _samplers(_WIDTH, _BLUR[0])
_FINE = _samplers(_FINE_WIDTH, _BLUR[1])
