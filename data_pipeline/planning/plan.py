"""Which file goes into which record of which shard. Pure: the same files give the same plan.

Exact copies are dropped, or rejected where two labels claim the same bytes. What looks alike or is
of one group is tied together (`groups`) and put into one split (`splits`), unless the source's own
splits are kept as they are. Records are put in the order of a seeded hash, which shuffles the whole
dataset; shards are equal to one record.
"""

import collections
import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

from data_pipeline.images import image_policy
from data_pipeline.images.image_policy import JpegSettings
from data_pipeline.planning import equalize, groups, near_duplicates, splits
from data_pipeline.planning.groups import LookAlikes, Scanned
from data_pipeline.references import Facts, Listing, Reference, Reject
from tfrecords import exits, manifest, names

# A shard is the unit of work and of resuming: a small dataset has several too. Not as many as there
# are workers, because the same source must give the same shards on every machine.
SHARDS_TO_SHARE = 8
MIN_RECORDS_TO_SHARE = 64

_RECORD_BYTES = 300  # of a record beside its image
_BYTES_PER_PIXEL = 1.0  # of a JPEG of quality 95 without chroma subsampling, at the most


@dataclasses.dataclass(frozen=True)
class ShardPlan:
    """One shard: its file name, and its records in order."""

    name: str
    split: str
    items: tuple[Scanned, ...]


@dataclasses.dataclass(frozen=True)
class Plan:
    """All shards, and what became of the files that are in none.

    Attributes:
      shards: in the order of splits and indices.
      duplicates: by image_id of a dropped copy the image_id of the one that was kept.
      rejects: files that two labels claim, and files that would leak.
      digest: the sha256 of all that determines the shards' bytes.
      look_alikes: the groups of pictures that look alike.
      leaks: between the source's own splits, see `splits.leaks`; None where they are not kept.
      alike: how all images are encoded; None where what needs no change is kept as it is.
    """

    shards: tuple[ShardPlan, ...]
    duplicates: Mapping[str, str]
    rejects: tuple[Reject, ...]
    digest: str
    look_alikes: LookAlikes
    leaks: Mapping[str, Mapping[str, int]] | None = None
    alike: JpegSettings | None = None

    @property
    def num_images(self) -> int:
        """The number of records planned."""
        return sum(len(shard.items) for shard in self.shards)

    @property
    def largest_short_side(self) -> int:
        """The longest short side of the planned images as they lie in the source, in pixels."""
        return max(
            min(facts.width, facts.height) for shard in self.shards for _, facts in shard.items
        )

    def count(self, split: str) -> int:
        """Returns the number of records planned for a split."""
        return sum(len(shard.items) for shard in self.shards if shard.split == split)


@dataclasses.dataclass(frozen=True)
class Options:
    """What a plan depends on beside the files.

    Attributes:
      dataset: its name.
      seed: decides splits and order.
      fractions: the shares of train, validation and test; None keeps the source's splits.
      image_size: the longest short side, in pixels.
      records_per_shard: at most.
      near_duplicate_bits: see `near_duplicates.find`.
      disjoint: whether files that leak between the source's splits are left out.
      equalize: whether all images are encoded alike, see `equalize.settings`.
    """

    dataset: str
    seed: int
    fractions: tuple[float, ...] | None
    image_size: int
    records_per_shard: int
    near_duplicate_bits: int = 4
    disjoint: bool = False
    equalize: bool = False


def make(
    scanned: Iterable[Scanned],
    options: Options,
    signatures: near_duplicates.Signatures = near_duplicates.no_signatures,
) -> Plan:
    """Plans a dataset.

    Args:
      scanned: the files.
      options: what else it depends on.
      signatures: of the rows that the facts name.

    Raises:
      DataError: a split that was asked for would be empty.
      UsageError: there are too few records in a shard, and too many shards.
    """
    scanned = list(scanned)
    unique, duplicates, rejects = deduplicate(scanned)
    unique.sort(key=lambda item: order(item[0].image_id, options.seed))
    tied = groups.tie(unique, signatures, options.near_duplicate_bits)
    items, leaks = tied.items, None
    if options.fractions is None:
        leaks = _leaks(scanned, unique, duplicates, tied)
        if options.disjoint:
            leaking = splits.leaking([reference for reference, _ in items])
            rejects = (*rejects, *leaking)
            gone = {reject.image_id for reject in leaking}
            items = tuple(item for item in items if item[0].image_id not in gone)
    by_split = _by_split(items, options)
    _check_splits(by_split, options)
    shards = tuple(
        shard
        for split, items in by_split.items()
        for shard in _shards(options.dataset, split, items, options.records_per_shard)
    )
    written = [facts for _, facts in items]
    alike = equalize.settings(written, options.image_size) if options.equalize else None
    digest = _digest(shards, options, alike)
    return Plan(shards, duplicates, rejects, digest, tied.look_alikes, leaks, alike)


def deduplicate(
    scanned: Iterable[Scanned],
) -> tuple[list[Scanned], dict[str, str], tuple[Reject, ...]]:
    """Returns the files without exact copies, the copies, and those that two labels claim."""
    copies: dict[str, list[Scanned]] = collections.defaultdict(list)
    for item in scanned:
        copies[item[1].sha256].append(item)
    unique: list[Scanned] = []
    duplicates: dict[str, str] = {}
    rejects: list[Reject] = []
    for same in copies.values():
        same.sort(key=lambda item: (splits.KEPT_FIRST[item[0].split], item[0].image_id))
        kept = same[0][0]
        if any(dict(item[0].targets) != dict(kept.targets) for item in same):
            rejects += [_conflict(item[0], same) for item in same]
            continue
        unique.append(same[0])
        duplicates |= {item[0].image_id: kept.image_id for item in same[1:]}
    return unique, duplicates, tuple(sorted(rejects, key=lambda reject: reject.image_id))


def _conflict(reference: Reference, same: Sequence[Scanned]) -> Reject:
    others = [item[0].image_id for item in same if dict(item[0].targets) != dict(reference.targets)]
    return Reject(
        reference.image_id, "label_conflict", f"the same bytes have another label: {others[0]}"
    )


def _leaks(
    scanned: Sequence[Scanned],
    unique: Sequence[Scanned],
    duplicates: Mapping[str, str],
    tied: groups.Tied,
) -> dict[str, dict[str, int]]:
    wanted = {*duplicates, *duplicates.values()}
    by_id = {item[0].image_id: item[0] for item in scanned if item[0].image_id in wanted}
    copies = [(by_id[copy], by_id[kept]) for copy, kept in duplicates.items()]
    return splits.leaks([reference for reference, _ in unique], tied.alike, copies)


def _by_split(items: Sequence[Scanned], options: Options) -> dict[str, list[Scanned]]:
    by_split: dict[str, list[Scanned]] = {split: [] for split in names.SPLITS}
    references = [reference for reference, _ in items]
    shares = options.fractions
    chosen = splits.by_shares(references, shares, options.seed) if shares else {}
    for item in items:
        split = chosen[item[0].group_id] if shares else splits.of_source(item[0])
        by_split[split].append(item)
    return by_split


def order(image_id: str, seed: int) -> bytes:
    """Returns what sorts files into an order that is as good as random."""
    return _hash(f"order {seed}", image_id)


def sample(listing: Listing, limit: int, seed: int) -> Listing:
    """Returns `limit` references, below their number, and as large a share of the rejects.

    All files up to a place in the order are taken, so that counts and shares are those of a fair
    sample of the source.
    """
    last = sorted(order(reference.image_id, seed) for reference in listing.references)[limit - 1]
    return dataclasses.replace(
        listing,
        references=tuple(ref for ref in listing.references if order(ref.image_id, seed) <= last),
        rejects=tuple(item for item in listing.rejects if order(item.image_id, seed) <= last),
    )


def _hash(purpose: str, text: str) -> bytes:
    return hashlib.sha256(f"{purpose}\0{text}".encode(errors="surrogateescape")).digest()


def _check_splits(by_split: Mapping[str, Sequence[Scanned]], options: Options) -> None:
    if options.fractions is None:
        wanted = [split for split, items in by_split.items() if items]
    else:
        shares = zip(names.SPLITS, options.fractions, strict=True)
        wanted = [split for split, share in shares if share]
    counts = {split: len(items) for split, items in by_split.items()}
    received = ", ".join(f"{split} {count}" for split, count in counts.items())
    for split in wanted:
        if not by_split[split]:
            raise exits.DataError(
                f"Split {split!r} would be empty. Received: {received} examples. "
                "Use another --seed, larger shares in --splits, or more images."
            )
    if not sum(counts.values()):
        raise exits.DataError("No image is left: each file was rejected or is a copy.")


def _shards(
    dataset: str, split: str, items: Sequence[Scanned], records_per_shard: int
) -> list[ShardPlan]:
    """Returns as few shards as may be, equal to one record, but enough for several workers."""
    shareable = min(SHARDS_TO_SHARE, len(items) // MIN_RECORDS_TO_SHARE)
    count = max(-(-len(items) // records_per_shard), shareable)
    if count > names.MAX_SHARDS:
        fitting = -(-len(items) // names.MAX_SHARDS)
        raise exits.UsageError(
            f"The {len(items):,} examples of split {split} would need {count:,} shards, and names "
            f"of shards count to {names.MAX_SHARDS:,}. Received: "
            f"--records_per_shard={records_per_shard}. Use {fitting} or more."
        )
    starts = [len(items) * index // count for index in range(count + 1)] if count else []
    return [
        ShardPlan(
            names.shard(dataset, split, index, count),
            split,
            tuple(items[starts[index] : starts[index + 1]]),
        )
        for index in range(count)
    ]


def estimated_bytes(shard: ShardPlan, image_size: int) -> int:
    """Returns about how large a shard's file will be, rather too much than too little."""
    return sum(_RECORD_BYTES + _image_bytes(facts, image_size) for _, facts in shard.items)


def _image_bytes(facts: Facts, image_size: int) -> int:
    scale = min(1.0, image_size / min(facts.width, facts.height))
    if scale == 1 and facts.format == "JPEG":
        return facts.num_bytes
    return int(facts.width * facts.height * scale * scale * _BYTES_PER_PIXEL)


def _digest(shards: Sequence[ShardPlan], options: Options, alike: JpegSettings | None) -> str:
    digest = hashlib.sha256()
    constants = [manifest.FORMAT_VERSION, image_policy.POLICY_VERSION, options.image_size]
    if alike is not None:
        constants += [alike.quality, alike.subsampling]
    digest.update(json.dumps(constants).encode())
    for shard in shards:
        digest.update(f"\n{shard.name}\n".encode())
        for reference, facts in shard.items:
            fields = [
                reference.image_id,
                facts.sha256,
                sorted(reference.targets.items()),
                reference.group_id,
                sorted(reference.attributes.items()),
            ]
            digest.update(json.dumps(fields).encode())
    return digest.hexdigest()
