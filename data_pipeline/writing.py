"""From a plan to shards on disk, of what the scan has made of the images."""

import functools
import pathlib
import shutil
from collections.abc import Callable, Iterator, Sequence

from data_pipeline import faults, progress, publish, refusals, spool, surveying, write
from data_pipeline.config import BuildConfig
from data_pipeline.images import image_policy
from data_pipeline.planning import plan
from data_pipeline.references import Listing, Reference
from data_pipeline.running import jobs, stages
from data_pipeline.survey import Survey
from tfrecords import exits

MAKE_SECONDS = 0.005  # about what making and writing one image takes
FETCH_SECONDS = 0.0003  # the same where the scan has made it
_SPOOL = ".spool-"


def room(config: BuildConfig, listing: Listing) -> spool.Room | None:
    """Returns where the scan leaves what is stored; None where that is known only later."""
    return None if config.equalize else spool.prepare(_spool_path(config, listing))


def _spool_path(config: BuildConfig, listing: Listing) -> pathlib.Path:
    image_size = surveying.image_size(config, listing)
    return config.parent.absolute() / f"{_SPOOL}{image_policy.POLICY_VERSION}-{image_size}"


def remove_spools(config: BuildConfig) -> None:
    """Removes what scans of any size have left; a build that was given up makes it again."""
    for directory in config.parent.glob(f"{_SPOOL}*"):
        faults.before("remove")
        shutil.rmtree(directory)


def run(
    config: BuildConfig,
    survey: Survey,
    planned: plan.Plan,
    directory: pathlib.Path,
    mark: pathlib.Path,
) -> list[write.Sidecar]:
    """Writes those shards of a plan that are not in a directory yet.

    Returns:
      The sidecars of all shards.

    Raises:
      MachineError: there is no room for them, or some were not written.
      UsageError, DataError: see `tfrecords.exits`.
    """
    (directory / write.SIDECARS).mkdir(parents=True, exist_ok=True)
    _remove_leftovers(directory)
    faults.before("write")
    (directory / publish.COMMAND).write_text(config.command() + "\n", encoding="utf-8")
    left = [shard for shard in planned.shards if write.is_left(directory, shard)]
    if left:
        tasks, num_made = _tasks(config, survey.listing, planned, left, directory, mark)
        stage, num_workers = _stage(
            config, num_made, sum(len(shard.items) for shard in left) - num_made
        )
        total = sum(len(shard.items) for shard in planned.shards)
        with progress.shown("Writing", total, lambda: _count_written(directory, planned)):
            jobs.run(config, "WriteShards", stage, tasks, num_workers, mark)
    sidecars = [write.done(directory, shard) for shard in planned.shards]
    lost = [s.name for s, sidecar in zip(planned.shards, sidecars, strict=True) if not sidecar]
    if lost:
        raise exits.MachineError(
            f"{len(lost)} shards were not written, {lost[0]} among them. What is done is kept: "
            "run the same command again."
        )
    return [sidecar for sidecar in sidecars if sidecar]


def _tasks(
    config: BuildConfig,
    listing: Listing,
    planned: plan.Plan,
    left: Sequence[plan.ShardPlan],
    directory: pathlib.Path,
    mark: pathlib.Path,
) -> tuple[Iterator[write.Task], int]:
    """Returns the tasks, made one by one, and how many of their images are not made yet."""
    image_size = surveying.image_size(config, listing)
    kept = spool.Spool(_spool_path(config, listing))
    if not refusals.has_room(directory, left, image_size):
        kept.clear()  # images are made again, one by one
        refusals.check_space(directory, left, image_size)

    def place(reference: Reference) -> spool.Place | None:
        return None if planned.alike else kept.find(reference.location.fingerprint)

    num_made = sum(place(reference) is None for shard in left for reference, _ in shard.items)
    tasks = (
        write.Task(
            str(directory),
            str(mark),
            shard,
            image_size,
            planned.alike,
            tuple(place(reference) for reference, _ in shard.items),
        )
        for shard in left
    )
    return tasks, num_made


def _stage(
    config: BuildConfig, num_made: int, num_fetched: int
) -> tuple[Callable[[Sequence[str]], stages.Stage], int]:
    """Returns the stage for images that are made now or only fetched, and its number of workers."""
    making, fetching = num_made * MAKE_SECONDS, num_fetched * FETCH_SECONDS
    if making >= fetching:
        return stages.WriteShards, config.num_workers or stages.workers_worth_starting(
            making + fetching, stages.SECONDS_PER_DECODER
        )
    # Decoders have little to do. Each worker is a process, as far as that is worth its start.
    processes, _ = stages.processes(config.num_workers or 1, is_for_decoders=True)
    worth_starting = stages.workers_worth_starting(
        making + fetching, stages.SECONDS_PER_PROCESS, config.num_workers
    )
    stage = functools.partial(stages.WriteShards, is_for_decoders=False)
    return stage, max(processes, worth_starting)


def _remove_leftovers(directory: pathlib.Path) -> None:
    """Removes what a killed process was about to write."""
    for path in (*directory.glob(".*"), *(directory / write.SIDECARS).glob(".*")):
        if path.is_file():
            path.unlink()


def _count_written(directory: pathlib.Path, planned: plan.Plan) -> int:
    return sum(
        len(shard.items)
        for shard in planned.shards
        if write.sidecar_path(directory, shard.name).exists()
    )
