"""The program behind `data_pipeline.verify`: is a dataset on disk what its manifest says?"""

import concurrent.futures
import itertools
import os
import pathlib
import shlex
from collections.abc import Sequence

from data_pipeline import progress
from data_pipeline.mending import examination
from data_pipeline.mending.examination import Damage, Examination
from data_pipeline.references import plain
from tfrecords import directories, exits, manifest
from tfrecords.manifest import Manifest, Shard

SHOWN = 100  # damages


def verify(directory: pathlib.Path, full: bool) -> None:
    """Says what is damaged in the dataset of a directory.

    Args:
      directory: of the dataset.
      full: whether each record is read and decoded, instead of sizes alone.

    Raises:
      DataError: something is, or there is no dataset.
    """
    content = manifest.read(directory)
    with directories.read(directory):
        damages = examination.of_files(directory, content)
        if full:
            for found in examine(directory, content):
                damages += found.damages
        else:
            for shard in _shards(content):
                damages += examination.quick(directory, shard)
    say(damages)
    shards = _shards(content)
    if damages:
        num_damaged = len({damage.file for damage in damages})
        raise exits.DataError(
            f"{directory}: damage in {num_damaged:,} file{'s' * (num_damaged > 1)}. Repair it: "
            f"python -m data_pipeline.repair {shlex.quote(str(directory))}"
        )
    size = sum(shard.bytes for shard in shards)
    print(
        f"{directory}: {len(shards):,} shard{'s' * (len(shards) != 1)} with "
        f"{content.num_examples:,} records, {size / 1e6:,.1f} MB: "
        + ("each record is whole." if full else "sizes are right. --full reads each record.")
    )


def examine(directory: pathlib.Path, content: Manifest) -> list[Examination]:
    """Reads all shards to their end, in the order of the manifest."""
    shards = _shards(content)
    counter = itertools.count()  # its next() is one step, whichever thread does it
    done = [0]

    def count() -> None:
        done[0] = next(counter) + 1

    with (
        progress.shown("Reading", content.num_examples, lambda: done[0], "records"),
        concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as threads,
    ):
        return list(
            threads.map(lambda shard: examination.full(directory, content, shard, count), shards)
        )


def _shards(content: Manifest) -> list[Shard]:
    return [shard for split in content.splits.values() for shard in split.shards]


def say(damages: Sequence[Damage]) -> None:
    """Prints a line for each damage, up to a number of them."""
    for damage in damages[:SHOWN]:
        record = "" if damage.index is None else f"record {damage.index} "
        image = "" if damage.image_id is None else f"({plain(damage.image_id)}) "
        print(f"{damage.file}: {record}{image}{damage.problem}")
    if len(damages) > SHOWN:
        print(f"and {len(damages) - SHOWN:,} more")
