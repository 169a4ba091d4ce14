"""Ties together what must not straddle splits: a source's groups, and pictures that look alike.

Pictures of different labels are tied too: a fake that was made from a photo looks like it, and a
network that was trained on one of them has seen the other.
"""

import dataclasses
import hashlib
import itertools
from collections.abc import Iterable, Sequence

from data_pipeline.planning import near_duplicates
from data_pipeline.planning.near_duplicates import Alike, Signatures
from data_pipeline.references import Facts, Reference

Scanned = tuple[Reference, Facts]


@dataclasses.dataclass(frozen=True)
class LookAlikes:
    """The groups of pictures that look alike, directly or over others, whatever else ties them.

    Attributes:
      groups: the image_ids of each, in order; the largest group first.
      num_pairs: of pictures that directly look alike.
      num_mixed: groups that hold several labels.
    """

    groups: tuple[tuple[str, ...], ...] = ()
    num_pairs: int = 0
    num_mixed: int = 0

    @property
    def num_images(self) -> int:
        """The number of images in all groups."""
        return sum(len(group) for group in self.groups)

    @property
    def largest(self) -> int:
        """The number of images of the largest group."""
        return max(map(len, self.groups), default=0)


@dataclasses.dataclass(frozen=True)
class Tied:
    """Files under the ids of the groups that they are tied into.

    Attributes:
      items: as they were given, but for their group_id.
      alike: which of the items look alike.
      look_alikes: the groups that follow from this alone.
    """

    items: tuple[Scanned, ...]
    alike: Alike
    look_alikes: LookAlikes


def tie(items: Sequence[Scanned], signatures: Signatures, bits: int) -> Tied:
    """Ties files whose group is the same, or whose pictures look alike; see `near_duplicates`.

    A group that consists of several of the source's gets the id of one of them, chosen by a hash:
    that of another seldom takes its place when images are added.

    Args:
      items: the files.
      signatures: of the rows that the facts name.
      bits: see `near_duplicates.find`.
    """
    rows = [facts.sketch for _, facts in items]
    alike = near_duplicates.find(signatures, bits, rows)
    firsts: dict[str, int] = {}
    same = ((firsts.setdefault(item[0].group_id, i), i) for i, item in enumerate(items))
    roots = components(len(items), itertools.chain(alike.links(), same))
    ids: dict[int, str] = {}
    for group_id, first in firsts.items():
        other = ids.setdefault(roots[first], group_id)
        if other != group_id:
            ids[roots[first]] = min(other, group_id, key=_rank)
    tied = tuple(_under(ids[root], item) for item, root in zip(items, roots, strict=True))
    return Tied(tied, alike, _look_alikes(items, alike))


def _under(group_id: str, item: Scanned) -> Scanned:
    reference, facts = item
    if reference.group_id == group_id:
        return item
    return dataclasses.replace(reference, group_id=group_id), facts


def components(number: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Returns for each of 0 ... number - 1 the smallest one that pairs tie it to, by union-find."""
    parents = list(range(number))

    def root(place: int) -> int:
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return place

    for first, second in pairs:
        low, high = sorted((root(first), root(second)))
        parents[high] = low
    return [root(place) for place in range(number)]


def _look_alikes(items: Sequence[Scanned], alike: Alike) -> LookAlikes:
    members: dict[int, list[int]] = {}
    for place, root in enumerate(components(len(items), alike.links())):
        if place != root:  # most pictures look like no other one
            members.setdefault(root, [root]).append(place)
    groups = list(members.values())
    named = [tuple(sorted(items[place][0].image_id for place in places)) for places in groups]
    return LookAlikes(
        groups=tuple(sorted(named, key=lambda group: (-len(group), group))),
        num_pairs=alike.num_pairs,
        num_mixed=sum(len({_labels(items[place]) for place in group}) > 1 for group in groups),
    )


def _labels(item: Scanned) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(item[0].targets.items()))


def _rank(group_id: str) -> bytes:
    return hashlib.sha256(group_id.encode(errors="surrogateescape")).digest()
