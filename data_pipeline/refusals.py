"""When a build is refused though its flags are right, and with which words."""

import pathlib
import shutil
from collections.abc import Iterable, Sequence

from data_pipeline import console, publish
from data_pipeline.config import BuildConfig
from data_pipeline.planning import plan
from data_pipeline.references import Reject, plain
from data_pipeline.reporting import statistics
from data_pipeline.survey import Survey
from tfrecords import exits


def check_images(survey: Survey) -> None:
    """Refuses a source of which no image is left, and says why.

    Raises:
      DataError: there is none.
    """
    if not survey.scanned:
        raise exits.DataError(
            f"No usable image is left. Of {survey.num_listed:,} files: {_lost(survey.rejects)}."
        )


def _lost(rejects: Sequence[Reject]) -> str:
    if not rejects:
        return "rejected 0"
    first = f"{plain(rejects[0].image_id)}: {plain(rejects[0].detail)}"
    return f"rejected {len(rejects):,} ({console.reasons(rejects)}; {first})"


def check_classes(config: BuildConfig, planned: plan.Plan, survey: Survey) -> None:
    """Refuses a class without examples, and says where they have gone.

    Raises:
      DataError: there is one.
    """
    by_split = statistics.planned_counts(planned, survey.listing.targets)
    for target, info in survey.listing.targets.items():
        for name in info.class_names:
            if not any(split[target][name] for split in by_split.values()):
                lost = _lost((*planned.rejects, *survey.rejects))
                raise exits.DataError(
                    f"No usable image is left of class {name!r} of target {target!r}. A class "
                    f"needs examples. Of {survey.num_listed:,} files of all classes: {lost}, exact "
                    f"copies {len(planned.duplicates):,}."
                    f"{' Use a larger --limit.' if config.limit else ''}"
                )


def check_rejects(config: BuildConfig, num_listed: int, rejects: Sequence[Reject]) -> None:
    """Refuses more rejects than allowed, and leaves their names beside the dataset's versions.

    What a partial copy lacks, or what was left out by wish, is not counted.

    Raises:
      DataError: there are more.
    """
    judged = [reject for reject in rejects if reject.is_fault]
    num_judged = num_listed - (len(rejects) - len(judged))
    if len(judged) <= config.max_reject_fraction * num_judged:
        return
    outcome = "A build would publish nothing. "
    if not config.dry_run:
        path = config.parent / f"{config.version}.rejects.jsonl"
        publish.write_rejects(path, rejects)
        outcome = f"Nothing was published. Each file is named in {path}. "
    raise exits.DataError(
        f"{len(judged):,} of {num_judged:,} files were rejected "
        f"({console.reasons(judged)}), more than "
        f"--max_reject_fraction={config.max_reject_fraction:g}. "
        f"{outcome}Mend the source, or allow more."
    )


def has_room(directory: pathlib.Path, shards: Sequence[plan.ShardPlan], image_size: int) -> bool:
    """Tells whether the disk of a directory, which need not be there, has room for shards."""
    return _needed(shards, image_size) <= _free(directory)


def check_space(directory: pathlib.Path, shards: Sequence[plan.ShardPlan], image_size: int) -> None:
    """Refuses shards for which the disk of a directory, which need not be there, has no room.

    Raises:
      MachineError: it has none.
    """
    if not has_room(directory, shards, image_size):
        raise exits.MachineError(
            f"{directory} needs about {_needed(shards, image_size) / 1e6:,.0f} MB and its disk has "
            f"{_free(directory) / 1e6:,.0f} MB free. Make room, or use another --data_dir or a "
            "smaller --image_size."
        )


def _needed(shards: Sequence[plan.ShardPlan], image_size: int) -> int:
    return sum(plan.estimated_bytes(shard, image_size) for shard in shards)


def _free(directory: pathlib.Path) -> int:
    absolute = directory.absolute()
    existing = next(path for path in (absolute, *absolute.parents) if path.exists())
    return shutil.disk_usage(existing).free


def check_readable(rejects: Iterable[Reject]) -> None:
    """Refuses to go on where a file of the source could not be read, and may be the next time.

    Raises:
      MachineError: naming the first one.
    """
    for reject in rejects:
        if reject.may_pass:
            raise exits.MachineError(
                f"{plain(reject.image_id)} of the source: {reject.reason}: {plain(reject.detail)}. "
                "Nothing was changed. Run the same command again when it can be read, or with "
                "--nouse_source to do without the source."
            )
