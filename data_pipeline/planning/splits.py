"""Puts groups into splits, by shares or as the source has them, and counts what leaks. Pure."""

import bisect
import collections
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from data_pipeline.planning.near_duplicates import Alike
from data_pipeline.references import LEAK, Reference, Reject
from tfrecords import names

# What was trained on must not be tested: of a group that lies in several splits, the part of the
# first of these stays.
KEPT_FIRST = {"test": 0, "validation": 1, "train": 2, None: 3}

_Classes = frozenset[tuple[tuple[str, int], ...]]  # of each combination of targets and classes one


def by_shares(
    references: Sequence[Reference], shares: Sequence[float], seed: int
) -> dict[str, str]:
    """Returns by group_id a split: train, validation or test, in these shares of the examples.

    The groups of one stratum, those that hold the same classes of all targets, are put in the order
    of a seeded hash and laid on a line from 0 to 1, each as long as it has examples. The shares cut
    the line, and a group belongs where a point of it lies that another hash chooses. So every
    class has the shares but for a group at each cut, and an example that is added shifts the line
    by its own length: only groups at the cuts move. The order of the references does not matter.

    Args:
      references: with the group_ids that must not straddle splits.
      shares: of train, validation and test; they add up to 1.
      seed: another one makes other splits.
    """
    sizes = collections.Counter(reference.group_id for reference in references)
    strata: dict[_Classes, list[str]] = collections.defaultdict(list)
    for group_id, classes in _classes(references).items():
        strata[classes].append(group_id)
    cuts = [shares[0], shares[0] + shares[1]]
    splits: dict[str, str] = {}
    for group_ids in strata.values():
        total = sum(sizes[group_id] for group_id in group_ids)
        start = 0
        for digest, group_id in sorted((_hash(seed, group_id), group_id) for group_id in group_ids):
            point = int.from_bytes(digest[-8:], "big") / 2**64  # the order follows the first bytes
            place = (start + point * sizes[group_id]) / total
            splits[group_id] = names.SPLITS[bisect.bisect_right(cuts, place)]
            start += sizes[group_id]
    return splits


def of_source(reference: Reference) -> str:
    """Returns the split that the source puts a file into; what is in none is trained on."""
    return reference.split or "train"


def leaking(references: Sequence[Reference]) -> tuple[Reject, ...]:
    """Returns the files to be left out so that no group lies in two of the source's splits.

    Test stays whole; validation loses what is tied to test, and train what is tied to either.
    Nothing is moved into another split, which would change what others measured on it.
    """
    kept: dict[str, Reference] = {}
    for reference in sorted(references, key=_standing):
        kept.setdefault(reference.group_id, reference)
    rejects = []
    for reference in sorted(references, key=lambda reference: reference.image_id):
        stays = kept[reference.group_id]
        if of_source(stays) != of_source(reference):
            detail = f"tied to {stays.image_id}, which is in {of_source(stays)}"
            rejects.append(Reject(reference.image_id, LEAK, detail))
    return tuple(rejects)


def leaks(
    references: Sequence[Reference],
    alike: Alike,
    copies: Sequence[tuple[Reference, Reference]],
) -> dict[str, dict[str, int]]:
    """Returns how many files of one of the source's splits are in another one as well.

    Args:
      references: without exact copies, with the source's own group_ids.
      alike: which of the references look alike.
      copies: exact copies, each beside the one that is kept.

    Returns:
      By kind (`exact_copies`, `near_duplicates`, `groups`) and pair of splits, such as
      `train-test`, the number of files of the first split that the second one has too.
    """
    by_group: dict[str, list[Reference]] = collections.defaultdict(list)
    for reference in references:
        by_group[reference.group_id].append(reference)
    return {
        "exact_copies": _across(copies),
        "near_duplicates": _across(_alike_across(references, alike)),
        "groups": _across(
            [
                (reference, other)
                for group in by_group.values()
                for other in {of_source(reference): reference for reference in group}.values()
                for reference in group
            ]
        ),
    }


def _alike_across(
    references: Sequence[Reference], alike: Alike
) -> Iterator[tuple[Reference, Reference]]:
    """Yields each file beside one that looks alike, of each split that has such."""
    has_others = np.bincount(alike.firsts, minlength=len(references)) > 1
    has_others[alike.pairs] = True
    tied = [
        (reference, first)
        for reference, first in zip(references, alike.firsts.tolist(), strict=True)
        if has_others[first]
    ]
    some: dict[int, dict[str, Reference]] = collections.defaultdict(dict)
    for reference, first in tied:
        some[first].setdefault(of_source(reference), reference)
    # Of each signature and split one: thousands may look like thousands.
    around = {first: dict(there) for first, there in some.items()}
    for one, other in alike.pairs.tolist():
        around[one] |= some[other]
        around[other] |= some[one]
    for reference, first in tied:
        for other_reference in around[first].values():
            yield reference, other_reference


def _across(pairs: Iterable[tuple[Reference, Reference]]) -> dict[str, int]:
    found: dict[str, set[str]] = {"train-validation": set(), "train-test": set()}
    found["validation-test"] = set()
    for one, other in pairs:
        second, first = sorted((one, other), key=_standing)
        if of_source(first) != of_source(second):
            found[f"{of_source(first)}-{of_source(second)}"].add(first.image_id)
    return {name: len(image_ids) for name, image_ids in found.items()}


def _standing(reference: Reference) -> tuple[int, str]:
    return KEPT_FIRST[of_source(reference)], reference.image_id


def _classes(references: Sequence[Reference]) -> Mapping[str, _Classes]:
    """Returns by group_id the classes that it holds; one object for all groups of the same ones."""
    classes: dict[str, _Classes] = {}
    shared: dict[_Classes, _Classes] = {}
    for reference in references:
        found = frozenset([tuple(sorted(reference.targets.items()))])
        found |= classes.get(reference.group_id, found)
        classes[reference.group_id] = shared.setdefault(found, found)
    return classes


def _hash(seed: int, group_id: str) -> bytes:
    text = f"split {seed}\0{group_id}"
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()
