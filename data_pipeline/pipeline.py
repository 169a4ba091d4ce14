"""The program behind `data_pipeline.build`: list -> scan -> plan -> write -> publish.

Between list and scan, faces are extracted from videos.
"""

import dataclasses
import pathlib
import tempfile
from collections.abc import Collection, Sequence

from data_pipeline import console, publish, refusals, scan, surveying, write, writing
from data_pipeline.config import DISJOINT_SPLITS, SOURCE_SPLITS, BuildConfig
from data_pipeline.images import image_policy, perceptual_hash
from data_pipeline.planning import plan
from data_pipeline.references import CHANGED, LOST, Listing, Reject
from data_pipeline.reporting import statistics
from data_pipeline.running import attempt
from data_pipeline.survey import Survey
from data_pipeline.video import extraction
from tfrecords import dataset, directories, exits, names

FACES = f".faces-{extraction.FACES_VERSION}"


def scan_cache(image_size: int) -> str:
    """Returns the name of the directory of what is known of files, beside the dataset's versions.

    Another policy judges files otherwise, other signatures cannot be compared, and a scan may find
    more than it did.
    """
    versions = image_policy.POLICY_VERSION, perceptual_hash.VERSION, scan.VERSION
    return f".scan-{'.'.join(map(str, versions))}-{image_size}"


def build_dataset(config: BuildConfig) -> dataset.Dataset | None:
    """Builds a dataset, or goes on with the build that an earlier process began.

    Returns:
      The dataset; None after a dry run.

    Raises:
      UsageError, DataError, MachineError: see `tfrecords.exits`.
    """
    source = surveying.source_path(config)
    listing = surveying.list_source(config, source)
    if config.dry_run:
        _dry_run(config, listing)
        return None
    with (
        directories.exclusive(config.parent, "--data_dir"),
        attempt.begun(config.parent) as mark,
    ):
        publish.recover(config.directory)
        if config.overwrite:
            publish.check_replaceable(config.directory)
        console.say_other_flags(config)
        listing = surveying.extract(config, listing, mark, config.parent.absolute() / FACES)
        cache = _cache_path(config, listing)
        survey = surveying.look(config, listing, cache, mark, writing.room(config, listing))
        refusals.check_rejects(config, survey.num_listed, survey.rejects)
        planned = _plan(config, survey)
        built = _published(config, planned, survey.num_listed)
        if built is None:
            console.say_abandoned(config, planned)
            built = _build(config, survey, planned, cache, mark)
            surveying.prune(cache, listing, source)
        writing.remove_spools(config)
    return built


def _cache_path(config: BuildConfig, listing: Listing) -> pathlib.Path:
    return config.parent.absolute() / scan_cache(surveying.image_size(config, listing))


def rewrite(
    config: BuildConfig, digest: str, shards: Collection[str], directory: pathlib.Path
) -> list[write.Sidecar]:
    """Writes some shards of a dataset into `directory` again; the caller holds `config.parent`.

    Args:
      config: with which the dataset was built.
      digest: of its plan.
      shards: their names.
      directory: made if it is not there.

    Raises:
      DataError: the source is not there, or is not what the dataset was built from.
      MachineError: a file of the source cannot be read at this moment.
      UsageError: see `tfrecords.exits`.
    """
    with attempt.begun(config.parent) as mark:
        return _rewrite(config, digest, shards, directory.absolute(), mark)


def _rewrite(
    config: BuildConfig,
    digest: str,
    shards: Collection[str],
    directory: pathlib.Path,
    mark: pathlib.Path,
) -> list[write.Sidecar]:
    listing = surveying.list_source(config, surveying.source_path(config))
    listing = surveying.extract(config, listing, mark, config.parent.absolute() / FACES)
    survey = surveying.look(config, listing, _cache_path(config, listing), mark)
    planned = _plan(config, survey)
    if planned.digest != digest:
        refusals.check_readable(survey.rejects)
        raise exits.DataError("The source, or what the build makes of it, has changed.")
    wanted = tuple(shard for shard in planned.shards if shard.name in shards)
    sidecars = writing.run(
        config, survey, dataclasses.replace(planned, shards=wanted), directory, mark
    )
    refusals.check_readable([reject for sidecar in sidecars for reject in sidecar.rejects])
    return sidecars


def _dry_run(config: BuildConfig, listing: Listing) -> None:
    """Says what a build would do, and ends as it would where it would be refused."""
    with (
        tempfile.TemporaryDirectory() as temporary,
        attempt.begun(pathlib.Path(temporary)) as mark,
    ):
        faces = pathlib.Path(temporary) / FACES
        listing = surveying.extract(config, listing, mark, faces, earlier=config.parent / FACES)
        cache, earlier = pathlib.Path(temporary), _cache_path(config, listing)
        survey = surveying.look(config, listing, cache, mark, earlier=earlier)
    image_size = surveying.image_size(config, listing)
    planned = _plan(config, survey)
    console.say_plan(config, survey, image_size, planned)
    directories.check(config.parent, "--data_dir")
    if config.overwrite:
        publish.check_replaceable(config.directory)
    refusals.check_rejects(config, survey.num_listed, (*survey.rejects, *planned.rejects))
    if _published(config, planned, survey.num_listed) is None:
        directory = config.parent / names.incomplete_directory(config.version, planned.digest)
        left = [shard for shard in planned.shards if write.is_left(directory, shard)]
        refusals.check_space(directory, left, image_size)


def _plan(config: BuildConfig, survey: Survey) -> plan.Plan:
    refusals.check_images(survey)
    planned = plan.make(
        survey.scanned,
        plan.Options(
            dataset=config.dataset,
            seed=config.seed,
            fractions=_fractions(config, survey.listing),
            image_size=surveying.image_size(config, survey.listing),
            records_per_shard=config.records_per_shard,
            near_duplicate_bits=config.near_duplicate_bits,
            disjoint=config.splits == DISJOINT_SPLITS,
            equalize=config.equalize,
        ),
        survey.sketches.signatures,
    )
    refusals.check_classes(config, planned, survey)
    return planned


def _fractions(config: BuildConfig, listing: Listing) -> tuple[float, ...] | None:
    """Returns the shares of the splits, or None where the source's own are kept."""
    missing = [split for split in names.SPLITS if split not in listing.splits]
    if config.splits is None and listing.splits:
        if missing:
            raise exits.UsageError(
                f"The source has splits {', '.join(sorted(listing.splits))} and no "
                f"{' and no '.join(missing)}. Use --splits=0.8,0.1,0.1 to make new ones from all "
                f"images, or --splits={SOURCE_SPLITS} to build what is there."
            )
        return None
    if config.splits in (SOURCE_SPLITS, DISJOINT_SPLITS) and not listing.splits:
        raise exits.UsageError(
            f"--splits={config.splits} needs a source with folders train, validation, test. "
            "Use --splits=0.8,0.1,0.1."
        )
    return config.fractions()


def _published(config: BuildConfig, planned: plan.Plan, num_listed: int) -> dataset.Dataset | None:
    """Returns the dataset if it was built before exactly so, and is whole."""
    if config.overwrite or not config.directory.exists():
        return None
    built = dataset.load(config.directory)
    if built.manifest.plan_digest != planned.digest:
        if lost := built.manifest.rejects.get(LOST):
            raise exits.UsageError(
                f"{config.directory} lacks records that a repair could not save: {lost:,}. Use "
                "--overwrite to build it whole again."
            )
        raise exits.UsageError(
            f"{config.directory} holds a dataset that was built otherwise: "
            f"{built.manifest.command}. Use --overwrite to replace it, or another --version or "
            "--dataset to keep both."
        )
    print("This dataset is complete already.")
    if built.manifest.listed != num_listed:
        print(
            f"The source had {built.manifest.listed:,} files then; what changed are copies and "
            "rejects. --overwrite brings the report up to date."
        )
    console.say_next(config, built)
    return built


def _build(
    config: BuildConfig,
    survey: Survey,
    planned: plan.Plan,
    cache: pathlib.Path,
    mark: pathlib.Path,
) -> dataset.Dataset:
    while True:
        everything = (*survey.rejects, *planned.rejects)
        refusals.check_rejects(config, survey.num_listed, everything)
        directory = config.parent / names.incomplete_directory(config.version, planned.digest)
        audits = statistics.begin_audits(planned, survey.listing.targets)
        sidecars = writing.run(config, survey, planned, directory.absolute(), mark)
        rejects = [reject for sidecar in sidecars for reject in sidecar.rejects]
        is_full = all(sidecar.records for sidecar in sidecars)
        _forget(cache, planned, rejects, is_full)
        everything = (*everything, *rejects)
        refusals.check_rejects(config, survey.num_listed, everything)
        if is_full:
            break
        survey = survey.without(rejects)
        planned = _plan(config, survey)
    attempt.end(mark)  # a worker that its runner has given up may still be at work, and must stop
    built = publish.publish(
        config,
        survey,
        planned,
        sidecars,
        audits,
        directory,
        surveying.image_size(config, survey.listing),
    )
    console.say_results(config, planned, built, everything)
    return built


def _forget(
    cache: pathlib.Path, planned: plan.Plan, rejects: Sequence[Reject], is_full: bool
) -> None:
    """Drops what the scan found about files that were not as it found them.

    What could not be stored is planned anew only where a shard was lost; else it keeps its place in
    the plan, so that the next build finds this one complete.
    """
    gone = {reject.image_id for reject in rejects if reject.reason == CHANGED or not is_full}
    if gone:
        fingerprints = {
            reference.location.fingerprint
            for shard in planned.shards
            for reference, _ in shard.items
            if reference.image_id in gone
        }
        scan.keep(cache, lambda fingerprint: fingerprint not in fingerprints)
