"""Finds pictures that look alike, by the distance of their hashes and without comparing all. Pure.

Two hashes that differ in at most k bits agree altogether in at least two of k + 2 bands of bits,
however the bits are dealt to the bands. So hashes are looked up once for each pair of bands, by
what they have there; only what is found is compared. This finds every pair, as comparing all would;
it also takes as long where most pictures of a set are one picture.
Source: Manku, Jain and Das Sarma, "Detecting Near-Duplicates for Web Crawling", WWW 2007.
"""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from data_pipeline.images import perceptual_hash

# Of the 256 of the fine hashes. Copies that were resized, encoded anew or cropped differ in less;
# unrelated pictures of one kind whose hashes of 64 bits agree differ in 40 and more.
FINE_BITS = 24
_HASH_BITS = 64
_COMPARED_AT_ONCE = 1 << 17  # pairs; as much as stays near the processor
_BLOCK = 2048  # pairs of equal key; fewer are not worth a call

Hashes = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.int64]


def find(signatures: Sequence[str], bits: int) -> Indices:
    """Returns the pairs of pictures that look alike: int64 [pairs, 2], smaller index first, sorted.

    They do if one of them, as a whole or mirrored, is within `bits` of the other, or of the other
    seen through one of its windows, and their fine hashes confirm it.

    Args:
      signatures: of `perceptual_hash.signature`; an empty one is like no other.
      bits: from 0, which stands for equal hashes of 64 bits. Negative: no picture is like another.
    """
    places = np.array([place for place, text in enumerate(signatures) if text], np.int64)
    if bits < 0 or len(places) < 2:
        return np.empty((0, 2), np.int64)
    hashes = perceptual_hash.unpack([signatures[place] for place in places])
    asked = hashes[:, [perceptual_hash.WHOLE, perceptual_hash.MIRRORED]]
    kept = hashes[:, : perceptual_hash.MIRRORED]
    flat_asked, flat_kept = (part.reshape(-1, part.shape[-1]) for part in (asked, kept))
    found = []  # numbers that stand for pairs: millions of tuples would need gigabytes
    for left, right in _within(flat_asked[:, 0], flat_kept[:, 0], bits):
        first, second = left // asked.shape[1], right // kept.shape[1]
        distances = np.bitwise_count(flat_asked[left, 1:] ^ flat_kept[right, 1:])
        is_alike = (distances.sum(axis=1, dtype=np.int64) <= FINE_BITS) & (first != second)
        smaller, larger = np.minimum(first, second), np.maximum(first, second)
        found.append(np.unique((smaller * len(places) + larger)[is_alike]))
    pairs = np.divmod(np.unique(np.concatenate(found)), len(places))
    return places[np.stack(pairs, axis=1)]


def within(asked: Hashes, kept: Hashes, bits: int) -> set[tuple[int, int]]:
    """Returns the pairs of indices (of `asked`, of `kept`) whose hashes differ in at most `bits`.

    Args:
      asked: uint64 [number].
      kept: uint64 [number].
      bits: from 0 to 62.
    """
    found: set[tuple[int, int]] = set()
    for left, right in _within(asked, kept, bits):
        found.update(zip(left.tolist(), right.tolist(), strict=True))
    return found


def _within(asked: Hashes, kept: Hashes, bits: int) -> Iterator[tuple[Indices, Indices]]:
    """Yields the pairs that are within `bits`, some at a time, a pair perhaps several times."""
    for mask in _masks(bits):
        asked_order, kept_order = np.argsort(asked & mask), np.argsort(kept & mask)
        # In this order what is compared lies side by side in memory.
        by_asked, by_kept = asked[asked_order], kept[kept_order]
        keys, firsts, runs = np.unique(by_asked & mask, return_index=True, return_counts=True)
        starts = np.asarray(np.searchsorted(by_kept & mask, keys, "left"))
        counts = np.asarray(np.searchsorted(by_kept & mask, keys, "right")) - starts
        is_block = runs * counts >= _BLOCK
        for first, run, start, count in zip(
            *(part[is_block].tolist() for part in (firsts, runs, starts, counts)), strict=True
        ):
            for left, right in _block(by_asked[first : first + run], by_kept[start:][:count], bits):
                yield asked_order[first + left], kept_order[start + right]
        counts[is_block] = 0  # what is left is compared one by one
        spread = np.repeat(starts, runs), np.repeat(counts, runs)
        for left, right in _single(by_asked, by_kept, *spread, bits):
            yield asked_order[left], kept_order[right]


def _block(asked: Hashes, kept: Hashes, bits: int) -> Iterator[tuple[Indices, Indices]]:
    """Compares all of one with all of the other."""
    step = max(1, _COMPARED_AT_ONCE // len(kept))
    for first in range(0, len(asked), step):
        is_near = np.bitwise_count(asked[first : first + step, None] ^ kept) <= bits
        left, right = np.divmod(np.flatnonzero(is_near), len(kept))
        yield first + left, right


def _single(
    asked: Hashes, kept: Hashes, starts: Indices, counts: Indices, bits: int
) -> Iterator[tuple[Indices, Indices]]:
    """Compares each of one with `counts` of the other, from `starts` on."""
    for first, last in _batches(counts):
        lengths = counts[first:last]
        ends = np.cumsum(lengths)
        places = np.arange(lengths.sum()) + np.repeat(starts[first:last] - ends + lengths, lengths)
        distances = np.bitwise_count(np.repeat(asked[first:last], lengths) ^ kept[places])
        near = np.flatnonzero(distances <= bits)
        yield first + np.searchsorted(ends, near, "right"), places[near]


def _masks(bits: int) -> list[np.uint64]:
    """Returns for each two of bits + 2 bands what leaves of a hash their bits alone."""
    num_bands = bits + 2
    # Bits are dealt in turn: neighbours say much the same, and a band of them would tell less.
    bands = [
        sum(1 << bit for bit in range(band, _HASH_BITS, num_bands)) for band in range(num_bands)
    ]
    return [np.uint64(one | other) for one, other in itertools.combinations(bands, 2)]


def _batches(counts: Indices) -> Iterator[tuple[int, int]]:
    """Yields ranges whose counts add up to about as many pairs as fit into memory."""
    ends = np.cumsum(counts)
    first = 0
    while first < len(counts):
        done = ends[first - 1] if first else 0
        last = int(np.searchsorted(ends, done + _COMPARED_AT_ONCE, "right"))
        last = max(last, first + 1)
        yield first, last
        first = last
