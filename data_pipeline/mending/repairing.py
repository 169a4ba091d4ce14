"""The program behind `data_pipeline.repair`: a damaged dataset becomes a whole one.

A damaged shard is written again from the source, to the same bytes. Where the source is gone or has
changed, a new shard takes the records that can be read, and the loss is entered in the books: the
manifest, the rejects, the statistics. Either way the repaired directory is put together beside the
damaged one, with which it shares the healthy shards, and takes its name at one stroke.
"""

import os
import pathlib
import shutil
from collections.abc import Mapping, Sequence

from data_pipeline import pipeline, publish
from data_pipeline.config import BuildConfig
from data_pipeline.mending import examination, losses, verification
from data_pipeline.mending.examination import Examination
from tfrecords import dataset, directories, exits, framing, manifest, names, tfds_files
from tfrecords.manifest import Manifest, Shard

# Known to `publish.recover` and to a build as what may be deleted.
_REPAIRED = "{}.incomplete-repair"
_REWRITTEN = "{}.incomplete-rewrite"
_DAMAGED = "{}.damaged"


def repair(directory: pathlib.Path, source: str | None = None, use_source: bool = True) -> None:
    """Repairs the dataset of a directory.

    Args:
      directory: of the dataset.
      source: where the source lies now, if not where it lay.
      use_source: whether it is used.

    Raises:
      DataError: there is no dataset, no record can be read, or `source` is not what it was built
        from.
      UsageError: another process builds, reads or repairs it.
      MachineError: the source cannot be read at this moment; and see `tfrecords.exits`.
    """
    manifest.read(directory)
    directory = directory.resolve()
    with directories.exclusive(directory.parent, "dataset"):
        publish.recover(directory)
        content = manifest.read(directory)
        found = verification.examine(directory, content)
        damages = [damage for examined in found for damage in examined.damages]
        others = examination.of_files(directory, content)
        verification.say([*others, *damages])
        if not damages and not others:
            print(f"{directory} is whole. Nothing is to be done.")
            return
        with directories.replace(directory):
            pass  # a reader is better met before the work than after it
        for leftover in (_REPAIRED, _REWRITTEN):
            shutil.rmtree(_beside(directory, leftover), ignore_errors=True)
        rewritten = frozenset[str]()
        if damages and use_source:
            rewritten = _rewrite(directory, content, found, source)
        _assemble(directory, content, found, rewritten)
        shutil.rmtree(_beside(directory, _REWRITTEN), ignore_errors=True)


def _beside(directory: pathlib.Path, name: str) -> pathlib.Path:
    return directory.with_name(name.format(directory.name))


def _rewrite(
    directory: pathlib.Path, content: Manifest, found: Sequence[Examination], source: str | None
) -> frozenset[str]:
    """Writes damaged shards from the source; returns those that have the bytes of old."""
    damaged = {examined.shard.name: examined.shard for examined in found if examined.damages}
    place = _beside(directory, _REWRITTEN)
    try:
        config = _config(directory, content, source)
        sidecars = pipeline.rewrite(config, content.plan_digest, damaged.keys(), place)
    except (exits.DataError, exits.UsageError) as error:
        if source is not None:
            raise type(error)(
                f"{error} Nothing was changed. --nouse_source saves what can be read without a "
                "source."
            ) from error
        print(f"The source cannot help: {error}")
        return frozenset()
    same = {
        sidecar.shard for sidecar in sidecars if sidecar.sha256 == damaged[sidecar.shard].sha256
    }
    for name in sorted(damaged.keys() - same):
        print(f"{name}: the source, or what reads it, gives other bytes than it gave.")
    return frozenset(same)


def _config(directory: pathlib.Path, content: Manifest, source: str | None) -> BuildConfig:
    """Returns the configuration of the build.

    Raises:
      DataError: it cannot be known.
      UsageError: this software does not take it.
    """
    options = dict(content.options)
    if source is not None:
        options["source"] = source
    try:
        config = BuildConfig(**options, data_dir=str(directory.parent.parent))
    except TypeError:
        raise exits.DataError("the manifest has no options that this software knows.") from None
    if config.dataset != content.dataset:
        raise exits.DataError("the manifest does not say how it was built.")
    if config.directory != directory:
        raise exits.DataError(
            f"it must lie in {content.dataset}/{content.version}, as it was built, to be built "
            f"again. Received: {directory}."
        )
    return config


def _assemble(
    directory: pathlib.Path,
    content: Manifest,
    found: Sequence[Examination],
    rewritten: frozenset[str],
) -> None:
    """Puts the repaired dataset together, gives it its name, and says what became of it."""
    place = _beside(directory, _REPAIRED)
    place.mkdir()
    for path in directory.iterdir():
        if not names.is_shard(path.name):
            _copy(path, place / path.name)
    saved = {
        examined.shard.name: _save(directory, place, content, examined)
        for examined in found
        if examined.damages and examined.shard.name not in rewritten
    }
    for examined in found:
        name = examined.shard.name
        if name in rewritten:
            (_beside(directory, _REWRITTEN) / name).rename(place / name)
        elif name not in saved:
            _link(directory / name, place / name)
    repaired = content
    if saved:
        repaired = losses.enter(place, content, found, saved)
        _keep_damaged(directory, saved)
    tfds_files.write(repaired, place)
    manifest.write(repaired, place)
    built = publish.swap_in(place, directory)
    _say(built, content, rewritten, saved)


def _save(
    directory: pathlib.Path, place: pathlib.Path, content: Manifest, examined: Examination
) -> Shard | None:
    """Writes what can be read of a shard; returns it, or None where that is nothing."""
    if not examined.num_readable:
        return None
    name = examined.shard.name
    with framing.RecordWriter(place / name) as writer:
        for serialized in examination.readable(directory / name, content):
            writer.write(serialized)
    return Shard(name, writer.records, writer.num_bytes, writer.sha256)


def _keep_damaged(directory: pathlib.Path, saved: Mapping[str, Shard | None]) -> None:
    """Keeps the damaged files: another machine may read of them what this one cannot."""
    place = _beside(directory, _DAMAGED)
    for name in saved:
        if (directory / name).exists():
            place.mkdir(exist_ok=True)
            (place / name).unlink(missing_ok=True)
            _link(directory / name, place / name)


def _link(path: pathlib.Path, other: pathlib.Path) -> None:
    """Gives a file a second name, or copies it where the file system has one name for each."""
    try:
        os.link(path, other)
    except OSError:
        shutil.copy2(path, other)


def _copy(path: pathlib.Path, other: pathlib.Path) -> None:
    if path.is_dir():
        shutil.copytree(path, other)
    else:
        shutil.copy2(path, other)


def _say(
    built: dataset.Dataset,
    before: Manifest,
    rewritten: frozenset[str],
    saved: Mapping[str, Shard | None],
) -> None:
    print(f"{built.directory} is repaired.")
    if rewritten:
        number = _number(len(rewritten), "shard")
        print(f"Written again from the source, the same to the byte: {number}.")
    if not saved:
        return
    lost = before.num_examples - built.manifest.num_examples
    kept = sum(shard.records for shard in saved.values() if shard)
    print(f"Saved without the source: {_number(kept, 'record')} of {_number(len(saved), 'shard')}.")
    print(f"Lost: {_number(lost, 'record')}.")
    for split, targets in losses.by_class(before, built.manifest).items():
        texts = (
            f"{target} " + ", ".join(f"{name} {number:,}" for name, number in classes.items())
            for target, classes in targets.items()
        )
        print(f"  {split:<10} {' | '.join(texts)}")
    if lost > 0:
        print(f"As far as their names are known, {built.directory / names.REJECTS} has them.")
    damaged = _beside(built.directory, _DAMAGED)
    if damaged.exists():
        print(f"The damaged files are kept in {damaged}.")
    print(f"With the source, nothing need be lost: {before.command} --overwrite")


def _number(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
