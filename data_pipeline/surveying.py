"""From a source to a survey: fetched, listed, its faces extracted, each file looked at once."""

import dataclasses
import pathlib

from data_pipeline import console, faults, progress, refusals, scan, spool
from data_pipeline.config import BuildConfig
from data_pipeline.images import shrinking
from data_pipeline.planning import plan
from data_pipeline.references import UNREADABLE, Facts, Listing, Reject
from data_pipeline.running import jobs, stages
from data_pipeline.sources import kaggle, locations
from data_pipeline.sources.layouts.by_name import LAYOUTS
from data_pipeline.survey import Survey
from data_pipeline.video import extraction


def source_path(config: BuildConfig) -> pathlib.Path | None:
    """Returns where the source lies, once it is on this machine."""
    if not config.is_on_kaggle or config.remote is None:
        return config.source_path
    archive = pathlib.Path(config.data_dir) / "downloads" / f"{config.remote.name}.zip"
    by_hand = dataclasses.replace(config, source=str(archive))
    return kaggle.fetch(config.remote, archive, by_hand.command())


def list_source(config: BuildConfig, source: pathlib.Path | None) -> Listing:
    """Returns what the source holds, or as much of it as `--limit` takes, and says so."""
    faults.before("list")
    layout = LAYOUTS[config.layout_name]
    listing = layout.list_source(source, config.source_options())
    taken = listing
    if config.limit is not None and config.limit < len(listing.references):
        taken = plan.sample(listing, config.limit, config.seed)
    console.say_listing(config, listing, taken)
    return taken


def extract(
    config: BuildConfig,
    listing: Listing,
    mark: pathlib.Path,
    directory: pathlib.Path,
    earlier: pathlib.Path | None = None,
) -> Listing:
    """Returns the listing of the faces in a listing of videos; any other as it is."""
    if not listing.videos:
        return listing
    options = extraction.checked_options(
        frames_per_video=config.frames_per_video,
        face_size=config.face_size,
        face_margin=config.face_margin,
        max_faces=config.max_faces,
        face_detector=config.face_detector,
    )
    known = extraction.Known(directory, listing, options, earlier)
    batches = known.missing()
    num_videos = sum(len(batch.tasks) for batch in batches)
    if batches:
        before = extraction.count(directory)
        seconds = extraction.VIDEO_SECONDS * num_videos
        num_workers = config.num_workers or stages.workers_worth_starting(
            seconds, stages.SECONDS_PER_PROCESS
        )
        with progress.shown(
            "Searching", num_videos, lambda: extraction.count(directory) - before, "videos"
        ):
            jobs.run(config, "ExtractFaces", stages.ExtractFaces, batches, num_workers, mark)
    found = known.faces()
    console.say_faces(config, found)
    refusals.check_rejects(config, listing.num_listed, found.listing.rejects)
    return found.listing


def image_size(config: BuildConfig, listing: Listing) -> int:
    """Returns the longest short side of what is stored, in pixels."""
    return config.image_size or listing.image_size


def look(
    config: BuildConfig,
    listing: Listing,
    cache: pathlib.Path,
    mark: pathlib.Path,
    room: spool.Room | None = None,
    earlier: pathlib.Path | None = None,
) -> Survey:
    """Looks at the files of a listing that are not known yet; returns what is known then.

    Args:
      config: of the build.
      listing: of its source.
      cache: where it is kept for the next build.
      mark: of the attempt.
      room: where what is stored of them is left.
      earlier: see `scan.Known`.

    Raises:
      MachineError: a package is not installed.
    """
    shrinking.check_scaler()
    known = scan.Known(cache, earlier)
    batches = known.missing(listing.references, image_size(config, listing), room)
    num_images = sum(len(batch.references) for batch in batches)
    if batches:
        before = scan.count(cache)
        seconds = sum(ref.location.read_seconds for batch in batches for ref in batch.references)
        num_workers = stages.workers_worth_starting(
            seconds, stages.SECONDS_PER_DECODER, config.num_workers
        )
        with progress.shown("Scanning", num_images, lambda: scan.count(cache) - before):
            jobs.run(config, "ScanFiles", stages.ScanFiles, batches, num_workers, mark)
        known.reload()
    scanned, rejects = [], list(listing.rejects)
    for reference in listing.references:
        found = known.find(reference)
        if isinstance(found, Facts):
            scanned.append((reference, found))
        elif found is not None:
            rejects.append(found)
        else:
            rejects.append(Reject(reference.image_id, UNREADABLE, "the scan left no result"))
    return Survey(listing, tuple(scanned), tuple(rejects), known.sketches)


def prune(cache: pathlib.Path, listing: Listing, source: pathlib.Path | None) -> None:
    """Drops what was found about files that no build can find as they were."""
    listed = {reference.location.fingerprint for reference in listing.references}
    scan.keep(
        cache,
        lambda fingerprint: (
            fingerprint in listed
            or source is None
            or not locations.is_outdated(fingerprint, source)
        ),
    )
