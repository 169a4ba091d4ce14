"""Finds pictures that look alike, by the distance of their hashes and without comparing all. Pure.

Two hashes that differ in at most k bits agree altogether in at least two of k + 2 bands of bits,
however the bits are dealt to the bands. So hashes are looked up once for each pair of bands, by
what they have there; only what is found is compared. This finds every pair, as comparing all would.
It takes as long where most pictures are nearly one picture, and their signatures all differ.
Source: Manku, Jain and Das Sarma, "Detecting Near-Duplicates for Web Crawling", WWW 2007.
"""

import dataclasses
import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from data_pipeline.images import perceptual_hash

# Of the 256 of the fine hashes. Copies that were resized, encoded anew or cropped differ in less;
# unrelated pictures of one kind whose hashes of 64 bits agree differ in 40 and more.
FINE_BITS = 24
_HASH_BITS = 64
_ASKED = np.array([perceptual_hash.WHOLE, perceptual_hash.MIRRORED])
_COMPARED_AT_ONCE = 1 << 17  # pairs; as much as stays near the processor
_FOUND_AT_ONCE = 1 << 22  # pairs, before those that several windows have found are put together
_READ_AT_ONCE = 1 << 10  # signatures
_BLOCK = 2048  # pairs of equal key; fewer are not worth a call

Hashes = npt.NDArray[np.uint64]
# Gives uint64 [rows, NUM_HASHES, WORDS], see `perceptual_hash.unpack`, perhaps mapped from a file.
# It is called anew for each look at many of them: what was read for the last one is let go.
Signatures = Callable[[], npt.NDArray[np.uint64]]
Indices = npt.NDArray[np.int64]


def no_signatures() -> npt.NDArray[np.uint64]:
    """Gives those of no row."""
    return np.empty((0, perceptual_hash.NUM_HASHES, perceptual_hash.WORDS), np.uint64)


@dataclasses.dataclass(frozen=True)
class Alike:
    """Which pictures look alike.

    Pictures of one signature are alike, and like the same others: the first of them stands for all.
    So a set that is mostly one picture, stored in many ways, has few pairs.

    Attributes:
      firsts: int64 [pictures]: of each the first of its signature, itself if there is no earlier.
      pairs: int64 [pairs, 2]: firsts that look alike, the smaller one first, sorted.
    """

    firsts: Indices
    pairs: Indices

    @property
    def num_pairs(self) -> int:
        """The number of pairs of all pictures."""
        sizes = np.bincount(self.firsts, minlength=len(self.firsts))
        of_one_signature = int((sizes * (sizes - 1) // 2).sum())
        return of_one_signature + int(sizes[self.pairs].prod(axis=1).sum())

    def links(self) -> Iterator[tuple[int, int]]:
        """Yields as many pairs as tie all that look alike, directly or over others."""
        for place, first in enumerate(self.firsts.tolist()):
            if first != place:
                yield first, place
        yield from map(tuple, self.pairs.tolist())


def find(signatures: Signatures, bits: int, rows: Sequence[int]) -> Alike:
    """Returns which pictures look alike.

    They do if one of them, as a whole or mirrored, is within `bits` of the other, or of the other
    seen through one of its windows, and their fine hashes confirm it.

    Args:
      signatures: of all rows. What is all 0 is like no other.
      bits: from 0, which stands for equal hashes of 64 bits. Negative: no picture is like another.
      rows: of each picture the row of its signature; negative where it has none.
    """
    places = np.array(rows, np.int64)
    pairs = np.empty((0, 2), np.int64)
    if bits < 0:
        return Alike(np.arange(len(places)), pairs)
    firsts, chosen, hashes = _first_look(signatures, places)
    if len(chosen) > 1:
        asked, kept = hashes[:, _ASKED].ravel(), hashes[:, : perceptual_hash.MIRRORED].ravel()
        del hashes
        pairs = chosen[_pairs(asked, kept, signatures, places[chosen], bits)]
    return Alike(firsts, pairs)


def _first_look(signatures: Signatures, rows: Indices) -> tuple[Indices, Indices, Hashes]:
    """Returns the firsts of `Alike`, those of them with a signature, and the hashes of these.

    The hashes are those of 64 bits: uint64 [pictures, NUM_HASHES].
    """
    firsts = np.arange(len(rows))
    by_digest: dict[bytes, int] = {}
    hashes = [np.empty((0, perceptual_hash.NUM_HASHES), np.uint64)]
    there = np.flatnonzero(rows >= 0)
    for start in range(0, len(there), _READ_AT_ONCE):
        places = there[start : start + _READ_AT_ONCE]
        some = signatures()[rows[places]]
        is_first = np.any(some, axis=(1, 2))
        for number in np.flatnonzero(is_first).tolist():
            # In place of the signature itself, which is twenty times as long.
            digest = hashlib.blake2b(some[number].tobytes(), digest_size=16).digest()
            place = int(places[number])
            firsts[place] = by_digest.setdefault(digest, place)
            is_first[number] = firsts[place] == place
        hashes.append(some[is_first, :, 0])
    return firsts, np.array(list(by_digest.values()), np.int64), np.concatenate(hashes)


def _pairs(
    asked: Hashes, kept: Hashes, signatures: Signatures, rows: Indices, bits: int
) -> Indices:
    """Returns int64 [pairs, 2], smaller first, sorted; both are numbers of `rows`.

    `asked` and `kept` are hashes of 64 bits, two and seven for each row.
    """
    found, num_found = [np.empty(0, np.int64)], 0
    num_hashes = perceptual_hash.NUM_HASHES
    words = signatures().reshape(-1, perceptual_hash.WORDS)  # a hash, and the fine one after it
    for left, right in _within(asked, kept, bits):
        first, one = np.divmod(left, len(_ASKED))
        second, other = np.divmod(right, perceptual_hash.MIRRORED)
        one, other = rows[first] * num_hashes + _ASKED[one], rows[second] * num_hashes + other
        distances = np.bitwise_count(words[one] ^ words[other])[:, 1:]
        is_alike = (distances.sum(axis=1, dtype=np.int64) <= FINE_BITS) & (first != second)
        smaller, larger = np.minimum(first, second), np.maximum(first, second)
        # Numbers stand for pairs: millions of tuples would need gigabytes.
        found.append((smaller * len(rows) + larger)[is_alike])
        num_found += len(found[-1])
        if num_found > _FOUND_AT_ONCE:
            found, num_found = [_unique(found)], 0
    return np.stack(np.divmod(_unique(found), len(rows)), axis=1)


def _unique(numbers: Sequence[Indices]) -> Indices:
    """Returns what is in any of some arrays, sorted; `np.unique`, but ten times as fast."""
    together = np.sort(np.concatenate(numbers))
    return together[np.diff(together, prepend=-1) > 0]


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
    """Yields the pairs that are within `bits`, some at a time, each pair once."""
    for mask, bands_before in _masks(bits):
        asked_order, kept_order = np.argsort(asked & mask), np.argsort(kept & mask)
        # In this order what is compared lies side by side in memory.
        by_asked, by_kept = asked[asked_order], kept[kept_order]
        for left, right in _sorted_within(by_asked, by_kept, mask, bits):
            is_new = _differ(by_asked[left] ^ by_kept[right], bands_before)
            yield asked_order[left[is_new]], kept_order[right[is_new]]
        del asked_order, kept_order, by_asked, by_kept  # before the next ones are made


def _sorted_within(
    asked: Hashes, kept: Hashes, mask: np.uint64, bits: int
) -> Iterator[tuple[Indices, Indices]]:
    """Yields the pairs that are within `bits` and agree in a mask, by which both are sorted."""
    masked, masked_kept = asked & mask, kept & mask
    firsts = np.flatnonzero(np.diff(masked, prepend=~masked[:1]))
    runs = np.diff(firsts, append=len(masked))
    starts = np.asarray(np.searchsorted(masked_kept, masked[firsts], "left"))
    counts = np.asarray(np.searchsorted(masked_kept, masked[firsts], "right")) - starts
    del masked, masked_kept
    is_block = runs * counts >= _BLOCK
    for first, run, start, count in zip(
        *(part[is_block].tolist() for part in (firsts, runs, starts, counts)), strict=True
    ):
        for left, right in _block(asked[first : first + run], kept[start:][:count], bits):
            yield first + left, start + right
    counts[is_block] = 0  # what is left is compared one by one
    yield from _single(asked, kept, np.repeat(starts, runs), np.repeat(counts, runs), bits)


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


def _masks(bits: int) -> list[tuple[np.uint64, list[np.uint64]]]:
    """Returns for each two of bits + 2 bands what leaves of a hash their bits alone.

    Beside it, the other bands before the second of them: hashes that agree in one of these are
    found by an earlier mask.
    """
    num_bands = bits + 2
    # Bits are dealt in turn: neighbours say much the same, and a band of them would tell less.
    bands = [
        np.uint64(sum(1 << bit for bit in range(band, _HASH_BITS, num_bands)))
        for band in range(num_bands)
    ]
    return [
        (bands[one] | bands[other], bands[:one] + bands[one + 1 : other])
        for one, other in itertools.combinations(range(num_bands), 2)
    ]


def _differ(differences: Hashes, bands: Sequence[np.uint64]) -> npt.NDArray[np.bool_]:
    """Tells of which pairs of hashes, given as their differing bits, all of some bands differ."""
    found = np.ones(len(differences), bool)
    for band in bands:
        found &= (differences & band) != 0
    return found


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
