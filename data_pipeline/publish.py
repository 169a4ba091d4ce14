"""Turns a directory of finished shards into a dataset: metadata, manifest last, then one rename."""

import contextlib
import ctypes
import dataclasses
import errno
import json
import os
import pathlib
import shutil
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from data_pipeline import faults, references, write
from data_pipeline.config import BuildConfig
from data_pipeline.planning.plan import Plan
from data_pipeline.references import Reject
from data_pipeline.reporting import (
    exploration,
    look_alikes,
    reject_pictures,
    report,
    reporter,
    statistics,
)
from data_pipeline.survey import Survey
from tfrecords import dataset, directories, exits, manifest, names, tfds_files, version

COMMAND = "command.txt"  # of an unfinished build, for whoever finds it
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_REPLACED = ".replaced"
_OURS = {
    *(names.MANIFEST, names.STATISTICS, names.REJECTS, names.REPORT, *tfds_files.NAMES),
    *(COMMAND, names.PICTURES, write.SIDECARS),
}
NAMED_FILES = 5  # in a message


def publish(
    config: BuildConfig,
    survey: Survey,
    planned: Plan,
    sidecars: Sequence[write.Sidecar],
    audits: Mapping[str, statistics.Audit],
    directory: pathlib.Path,
    image_size: int,
) -> dataset.Dataset:
    """Makes a dataset of the shards in `directory`, and puts it under its version's name.

    `audits` are those of the source, see `statistics.begin_audits`.
    """
    rejects = [*survey.rejects, *planned.rejects]
    rejects += [reject for sidecar in sidecars for reject in sidecar.rejects]
    rejects.sort(key=lambda reject: reject.image_id)
    content = _manifest(config, survey, planned, sidecars, rejects, image_size)
    pictures = directory / names.PICTURES
    shutil.rmtree(pictures, ignore_errors=True)  # what a killed build has left
    pictures.mkdir()
    numbers = _statistics(content, survey, planned, sidecars, audits)
    numbers["look_alikes"] = look_alikes.write(pictures, survey, planned.look_alikes)
    numbers["reject_pictures"] = reject_pictures.write(pictures, survey, planned.rejects)
    write_json(directory / names.STATISTICS, numbers)
    write_rejects(directory / names.REJECTS, rejects)
    faults.before("write")
    report.save(directory, reporter.files(directory.absolute(), content))
    faults.before("write")
    tfds_files.write(content, directory)
    faults.before("write")
    manifest.write(content, directory)
    built = swap_in(directory, config.directory)
    faults.before("remove")
    shutil.rmtree(built.directory / write.SIDECARS)
    faults.before("remove")
    (built.directory / COMMAND).unlink()
    for stale in config.parent.glob(f"{config.version}.incomplete-*"):
        faults.before("remove")
        shutil.rmtree(stale)
    (config.parent / f"{config.version}.rejects.jsonl").unlink(missing_ok=True)
    return built


def _manifest(
    config: BuildConfig,
    survey: Survey,
    planned: Plan,
    sidecars: Sequence[write.Sidecar],
    rejects: Sequence[Reject],
    image_size: int,
) -> manifest.Manifest:
    targets = survey.listing.targets
    counts = statistics.split_counts(planned, sidecars, targets)
    shards: dict[str, list[manifest.Shard]] = {split: [] for split in counts}
    for shard, sidecar in zip(planned.shards, sidecars, strict=True):
        shards[shard.split].append(
            manifest.Shard(sidecar.shard, sidecar.records, sidecar.bytes, sidecar.sha256)
        )
    return manifest.Manifest(
        dataset=config.dataset,
        version=config.version,
        targets=targets,
        attributes=survey.listing.attributes,
        splits={
            split: manifest.Split(tuple(shards[split]), split_counts)
            for split, split_counts in counts.items()
        },
        # A model takes it for its own size, and gains nothing by enlarging images.
        image_size=min(image_size, planned.largest_short_side),
        plan_digest=planned.digest,
        command=config.command(),
        options=config.options(),
        listed=survey.num_listed,
        duplicates=len(planned.duplicates),
        rejects=statistics.by_reason(rejects),
        code_version=version.VERSION,
        near_duplicates={
            "groups": len(planned.look_alikes.groups),
            "images": planned.look_alikes.num_images,
        },
    )


def _statistics(
    content: manifest.Manifest,
    survey: Survey,
    planned: Plan,
    sidecars: Sequence[write.Sidecar],
    audits: Mapping[str, statistics.Audit],
) -> dict[str, Any]:
    return {
        "listed": content.listed,
        "written": content.num_examples,
        "duplicates": content.duplicates,
        "rejects": content.rejects,
        "near_duplicates": statistics.of_look_alikes(planned),
        "leaks": planned.leaks,
        "splits": {split: value.counts for split, value in content.splits.items()},
        "source": statistics.of_source([facts for _, facts in survey.scanned]),
        "classes": exploration.of_classes(
            survey.scanned, content.targets, survey.sketches.histograms
        ),
        "audit": statistics.audits(audits, planned, sidecars, content.targets),
        "alike": None if planned.alike is None else dataclasses.asdict(planned.alike),
        "stored": {
            "shards": len(sidecars),
            "bytes": sum(sidecar.bytes for sidecar in sidecars),
            "originals": sum(sidecar.originals for sidecar in sidecars),
            "repaired": sum(sidecar.repaired for sidecar in sidecars),
        },
    }


def write_rejects(path: pathlib.Path, rejects: Iterable[Reject]) -> None:
    """Writes one JSON line for each file: its image_id, reason and detail."""
    lines = (json.dumps(dataclasses.asdict(reject)) + "\n" for reject in rejects)
    faults.before("write")
    path.write_text("".join(lines), encoding="utf-8")


def write_json(path: pathlib.Path, content: dict[str, Any]) -> None:
    """Writes a JSON file."""
    faults.before("write")
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def swap_in(incomplete: pathlib.Path, directory: pathlib.Path) -> dataset.Dataset:
    """Gives a finished directory its name; an older dataset there is deleted afterwards.

    A kill leaves the old dataset or the new one under the name, or, where the system cannot
    exchange two directories, both beside it until `recover` is called.

    Raises:
      UsageError: a training reads the older dataset.
    """
    dataset.load(incomplete)
    _sync(incomplete)
    faults.before("rename")
    if directory.exists():
        with directories.replace(directory):
            _replace(incomplete, directory)
    else:
        incomplete.rename(directory)
    _sync(directory.parent)
    return dataset.load(directory)


def _replace(incomplete: pathlib.Path, directory: pathlib.Path) -> None:
    if _exchange(incomplete, directory):
        _delete(incomplete)
        return
    replaced = directory.with_name(directory.name + _REPLACED)
    directory.rename(replaced)
    faults.before("rename")
    incomplete.rename(directory)
    _delete(replaced)


def _delete(directory: pathlib.Path) -> None:
    """Deletes an old dataset, its manifest last, by which `recover` knows what a kill has left."""
    for path in directory.iterdir():
        faults.before("remove")
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != names.MANIFEST:
            path.unlink()
    faults.before("remove")
    shutil.rmtree(directory)


def check_replaceable(directory: pathlib.Path) -> None:
    """Refuses to replace what no build has made, and a dataset that is being read.

    What no build has made has no manifest, and holds other names.

    Raises:
      UsageError: naming what lies where the dataset is to be.
    """
    remedy = "Move it away, or use another --version or --data_dir."
    if directory.is_symlink() or directory.is_file():
        raise exits.UsageError(f"{directory} is a file or a link, and no dataset. {remedy}")
    if not directory.exists():
        return
    with contextlib.suppress(exits.DataError):
        manifest.read(directory)
        with directories.replace(directory):  # at once, and not after hours
            return
    foreign = sorted(path.name for path in directory.iterdir() if not _is_ours(path.name))
    if foreign:
        shown = [references.plain(name) for name in foreign[:NAMED_FILES]]
        more = len(foreign) - len(shown)
        raise exits.UsageError(
            f"--overwrite replaces datasets alone. {directory} has no valid {names.MANIFEST}, and "
            f"holds {', '.join(shown)}{f' and {more:,} more' if more else ''}. {remedy}"
        )


def _is_ours(name: str) -> bool:
    """Tells whether a build leaves a file or folder of this name, or did when it was killed."""
    if name.startswith(".") and name != write.SIDECARS:
        temporary, _, process = name[1:].rpartition(".")
        return process.isdecimal() and _is_ours(temporary)
    return names.is_shard(name) or name in _OURS or name.endswith(names.labels_file(""))


def recover(directory: pathlib.Path) -> None:
    """Mends what a kill in the middle of `swap_in` has left."""
    if directory.exists():
        if (directory / names.MANIFEST).exists():
            shutil.rmtree(directory / write.SIDECARS, ignore_errors=True)
            (directory / COMMAND).unlink(missing_ok=True)
        for path in directory.parent.glob(f"{directory.name}.incomplete-*"):
            # An old dataset that was exchanged for the new one, and not yet deleted.
            if (path / names.MANIFEST).exists() and not (path / write.SIDECARS).exists():
                shutil.rmtree(path)
    replaced = directory.with_name(directory.name + _REPLACED)
    if not replaced.exists():
        return
    if directory.exists():
        shutil.rmtree(replaced)
    else:
        replaced.rename(directory)


def _exchange(first: pathlib.Path, second: pathlib.Path) -> bool:
    """Exchanges two directories at one stroke; False where the system cannot."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    paths = os.fsencode(first), os.fsencode(second)
    if renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        return False
    raise OSError(code, os.strerror(code), str(second))


def _sync(directory: pathlib.Path) -> None:
    """Makes the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        faults.before("fsync")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
