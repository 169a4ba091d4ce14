"""What a build says at its end: what it wrote, what it rejected, what to type next."""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from data_pipeline.config import DISJOINT_SPLITS, SOURCE_SPLITS, BuildConfig
from data_pipeline.planning import plan
from data_pipeline.references import ABSENT, Listing, Reject, plain
from data_pipeline.reporting import audit, statistics
from data_pipeline.survey import Survey
from data_pipeline.video import extraction
from tfrecords import dataset, manifest, names, schema

PREVIEWED_REJECTS = 5
_OF_NO_RESULT = ("layout", "source", "max_reject_fraction")  # the same files may lie elsewhere
LISTED_CLASSES = 12  # more are counted
LARGE_GROUP = 50  # images of one picture; more are suspicious if they are also
LARGE_GROUP_SHARE = 0.01  # of all images


def say_listing(config: BuildConfig, listing: Listing, taken: Listing) -> None:
    """Says what was found, how much of it --limit takes, and what a user may not expect."""
    chosen = f" {taken.num_listed:,} are taken." if taken is not listing else ""
    num_absent = sum(reject.reason == ABSENT for reject in listing.rejects)
    print(f"{config.dataset}: {listing.num_listed - num_absent:,} files found.{chosen}")
    for note in listing.notes:
        print(f"  {note}")
    if config.splits in (None, SOURCE_SPLITS):
        for split, target, name in listing.absences:
            print(f"  Split {split} has no image of class {name} of target {target}.")


def say_faces(config: BuildConfig, found: extraction.Found) -> None:
    """Says what the search for faces has found."""
    print(
        f"{config.dataset}: {len(found.listing.references):,} faces found on "
        f"{found.num_frames - found.num_empty_frames:,} frames of {found.num_videos:,} videos; "
        f"{found.num_empty_frames:,} further frames show none."
    )


def say_plan(config: BuildConfig, survey: Survey, image_size: int, planned: plan.Plan) -> None:
    """Says what a dry run has found."""
    needed = sum(plan.estimated_bytes(shard, image_size) for shard in planned.shards)
    rejects = (*survey.rejects, *planned.rejects)
    print(
        f"Nothing is written. {config.directory} would hold "
        f"{sum(len(shard.items) for shard in planned.shards):,} images in "
        f"{len(planned.shards)} shard{'s' * (len(planned.shards) != 1)}, about "
        f"{needed / 1e6:,.1f} MB:"
    )
    _say_counts(statistics.planned_counts(planned, survey.listing.targets))
    print(f"Exact copies dropped: {len(planned.duplicates):,}.")
    _say_look_alikes(config, planned)
    _say_rejects(rejects)


def say_abandoned(config: BuildConfig, planned: plan.Plan) -> None:
    """Says that an unfinished build of this version was planned otherwise, if there is one."""
    name = names.incomplete_directory(config.version, planned.digest)
    found = {path.name for path in config.parent.glob(f"{config.version}.incomplete-*")}
    if found - {name} and name not in found:
        print(
            "An unfinished build of this version had another plan: the source or the flags have "
            "changed since. It is begun anew."
        )


def say_other_flags(config: BuildConfig) -> None:
    """Says that a dataset is there that was built with other flags, before hours are spent on it.

    Whether that makes a difference is known only when all files have been looked at.
    """
    if config.overwrite or not config.directory.exists():
        return
    before = manifest.read(config.directory).options
    changed = [
        f"--{name}"
        for name, value in config.options().items()
        if name not in _OF_NO_RESULT and before.get(name, value) != value
    ]
    if changed:
        print(
            f"{config.directory} was built with another {' and another '.join(changed)}. If that "
            "makes a difference, only --overwrite replaces it."
        )


def say_results(
    config: BuildConfig, planned: plan.Plan, built: dataset.Dataset, rejects: Sequence[Reject]
) -> None:
    """Says what was written, what was rejected and why, and what to type next."""
    content = built.manifest
    print(f"{built.directory}: {content.num_examples:,} images written.")
    _say_counts({split: value.counts for split, value in content.splits.items()})
    if content.duplicates:
        print(f"Exact copies dropped: {content.duplicates:,}.")
    _say_look_alikes(config, planned)
    _say_audits(config, built)
    _say_rejects(rejects)
    say_next(config, built)


def _say_audits(config: BuildConfig, built: dataset.Dataset) -> None:
    """Warns where the label can be told without the pictures; the report speaks of all targets."""
    numbers = json.loads((built.directory / names.STATISTICS).read_text(encoding="utf-8"))
    result = numbers["audit"].get(schema.LABEL, {}).get("dataset", {})
    if fact := result.get("gives_away"):
        print(
            f"Warning: without its pixels, an image's {schema.LABEL} can be told with an AUC of "
            f"{result['auc']:.2f}, most of all by {fact}. A network may learn just that."
        )
        print(f"  {audit.advice(fact, config.equalize)}")


def _say_counts(counts: Any) -> None:
    for split, by_target in counts.items():
        texts = (f"{target} {counts_of(classes)}" for target, classes in by_target.items())
        print(f"  {split:<10} {' | '.join(texts)}")


def counts_of(counts: Mapping[str, int]) -> str:
    """Returns how many examples each class has; of many classes, the least and the most."""
    if len(counts) > LISTED_CLASSES:
        least, most = min(counts.values()), max(counts.values())
        return f"{sum(counts.values()):,} of {len(counts):,} classes, {least:,} to {most:,} of each"
    return ", ".join(f"{name} {number:,}" for name, number in counts.items())


def _say_look_alikes(config: BuildConfig, planned: plan.Plan) -> None:
    found = planned.look_alikes
    if found.groups:
        is_kept_apart = planned.leaks is None or config.splits == DISJOINT_SPLITS
        side = ", each group in one split" if is_kept_apart else ""
        groups = f"{len(found.groups):,} group{'s' * (len(found.groups) > 1)}"
        print(f"Look alike: {found.num_images:,} images in {groups}{side}.")
    if found.largest > max(LARGE_GROUP, LARGE_GROUP_SHARE * planned.num_images):
        print(
            f"  The largest group has {found.largest:,} images. See in the report whether they are "
            "one picture; if not, use a smaller --near_duplicate_bits."
        )
    _say_leaks(config, planned)


def _say_leaks(config: BuildConfig, planned: plan.Plan) -> None:
    kinds = planned.leaks or {}
    for pair in kinds.get("groups", ()):
        counts = {kind.replace("_", " "): by_pair[pair] for kind, by_pair in kinds.items()}
        if any(counts.values()):
            first, second = pair.split("-")
            shared = ", ".join(f"{kind} {number:,}" for kind, number in counts.items() if number)
            print(f"Images of {first} that {second} has too: {shared}.")
    remaining = (kinds[kind].values() for kind in ("near_duplicates", "groups") if kinds)
    if any(map(any, remaining)):
        print(
            "  They are left out of the split that is named first."
            if config.splits == DISJOINT_SPLITS
            else "  They make tests look better than they are; "
            f"--splits={DISJOINT_SPLITS} leaves them out."
        )


def _say_rejects(rejects: Sequence[Reject]) -> None:
    if not rejects:
        print("Rejected: none.")
        return
    print(f"Rejected: {len(rejects):,} ({reasons(rejects)}).")
    for reject in rejects[:PREVIEWED_REJECTS]:
        print(f"  {plain(reject.image_id)}: {reject.reason}: {plain(reject.detail)}")
    if len(rejects) > PREVIEWED_REJECTS:
        print(f"  and {len(rejects) - PREVIEWED_REJECTS:,} more")


def say_next(config: BuildConfig, built: dataset.Dataset) -> None:
    """Names the report, and the next command where there is what a training needs."""
    print(f"Report: {built.directory / names.REPORT}")
    there = {name for name, split in built.manifest.splits.items() if split.num_examples}
    if not there >= {"train", "test"}:
        return
    words = ["python", "-m", "trainer.main", "--strategy=mirrored"]
    defaults = BuildConfig()
    for name in ("data_dir", "dataset"):
        if getattr(config, name) != getattr(defaults, name):
            words.append(f"--{name}={getattr(config, name)}")
    if "validation" not in there:
        words.append("--validation_fraction=0.15")
    print(f"Next:   {shlex.join(words)}")


def reasons(rejects: Sequence[Reject]) -> str:
    """Returns such as `truncated 3, empty_file 1`."""
    counts = statistics.by_reason(rejects)
    return ", ".join(f"{reason} {number:,}" for reason, number in counts.items())
