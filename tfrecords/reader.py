"""Reads a dataset's records with `tf.data`. The only module of this package with TensorFlow.

`for_train` and `for_eval` yield (position, serialized record); `parse` opens a record. The order of
`for_train` is a function of (seed, epoch) alone, the same on every machine and for any number of
replicas, so that three integers (seed, epoch, position) are all the state there is.

The build has already shuffled the whole dataset. On top of that each epoch visits the shards in
another order, mixes some of them, and shuffles the serialized records within windows; serialized,
because a window of decoded images takes ten times the memory.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfrecords import balancing, dataset, exits, holdout, schema

WINDOW_RECORDS = 2048  # shuffled together: 60 MB of records at 30 kB each
CYCLE_SHARDS = 8  # mixed with one another
COUNTED_RECORDS = 256  # parsed together
BLOCK_RECORDS = 16  # read from one shard before the next one's turn


def for_train(
    source: dataset.Dataset,
    split: str,
    *,
    seed: int,
    epoch: int,
    start: int = 0,
    balanced: str | None = None,
) -> tf.data.Dataset:
    """Returns one epoch of a split, in an order that is a function of (seed, epoch).

    Args:
      source: the dataset.
      split: the name of a split that has examples.
      seed: any integer.
      epoch: counted from 0.
      start: the position in the epoch from which to go on; what lies before is read past, not
        decoded.
      balanced: the target whose classes come equally often, by default as often as they are there.
        An epoch is as long as before: examples of rare classes come several times, and of frequent
        ones each epoch leaves out others.

    Returns:
      A dataset of (position, serialized): int64 scalars `start`, `start + 1`, ... and string
      scalars.
    """
    counts = class_counts(source, split, balanced) if balanced else []

    def labels(batch: tf.Tensor) -> tf.Tensor:
        return tf.io.parse_example(batch, {balanced: tf.io.FixedLenFeature([], tf.int64)})[balanced]

    def part(records: tf.data.Dataset, firsts: tf.Tensor) -> tf.data.Dataset:
        records = _part(source, split, records)
        return _balance(records, labels, counts, firsts) if balanced else records

    paths = tf.constant([str(path) for path in source.shard_paths(split)])
    draws = _draw(len(paths), counts, seed, epoch)
    return _epoch(paths, tf.data.TFRecordDataset, part, draws, start)


class TrainOrder:
    """The order of `for_train` without reading a record.

    It is made by the same pipeline, of indices in place of records, in a graph that serves all
    epochs: making a pipeline takes as long as going through some thousand indices.

    Args:
      source: the dataset.
      split: the name of a split that has examples.
      is_member: bool [records], by the index of `stored` whether a record is of the split.
      seed: any integer.
      balanced: int64 [records], by the index of `stored` the class of a member, of which all are
        to come equally often; by default they come as often as they are there.
    """

    def __init__(
        self,
        source: dataset.Dataset,
        split: str,
        is_member: np.ndarray,
        *,
        seed: int,
        balanced: np.ndarray | None = None,
    ):
        ends = np.cumsum(_stored_records(source, split))
        self._bounds = np.stack([np.append(0, ends[:-1]), ends], axis=1)
        self._is_member = is_member
        self._seed = seed
        self._classes = balanced
        of_members = np.array([]) if balanced is None else balanced[: len(is_member)][is_member]
        self._counts = np.bincount(of_members.astype(np.int64)).tolist()
        self._traced = tf.function(self._indices, autograph=False)

    def __call__(self, epoch: int, start: int = 0) -> np.ndarray:
        """Returns the indices of an epoch's records, as `stored` counts them, in its order.

        Args:
          epoch: counted from 0.
          start: the position in the epoch from which to go on, before its end.

        Returns:
          int64 [records of the split - start].
        """
        draws = _draw(len(self._bounds), self._counts, self._seed, epoch)
        found: np.ndarray = self._traced(draws, tf.constant(start, tf.int64)).numpy()
        return found

    def _indices(self, draws: "_Draws", start: tf.Tensor) -> tf.Tensor:
        order = _epoch(self._bounds, _range, self._part, draws, start)
        indices = order.map(lambda _, index: index).batch(int(self._is_member.sum()))
        return indices.get_single_element()

    def _part(self, indices: tf.data.Dataset, firsts: tf.Tensor) -> tf.data.Dataset:
        if not self._is_member.all():
            indices = indices.filter(lambda index: tf.gather(self._is_member, index))
        if self._classes is None:
            return indices
        return _balance(
            indices, lambda batch: tf.gather(self._classes, batch), self._counts, firsts
        )


def _range(bounds: tf.Tensor) -> tf.data.Dataset:
    return tf.data.Dataset.range(bounds[0], bounds[1])


def stored(source: dataset.Dataset, split: str) -> tf.data.Dataset:
    """Returns each record of a split once, in stored order, as (index, serialized).

    The index, an int64 scalar, counts all records of the split's shards, those of another split
    that shares them included.
    """
    records = tf.data.TFRecordDataset([str(path) for path in source.shard_paths(split)])
    numbered = records.enumerate()
    keeps = _keeps(source, split)
    return numbered if keeps is None else numbered.filter(lambda _, serialized: keeps(serialized))


def num_stored(source: dataset.Dataset, split: str) -> int:
    """Returns how many records `stored` counts, those of another split included."""
    return sum(_stored_records(source, split))


def for_eval(source: dataset.Dataset, split: str) -> tf.data.Dataset:
    """Returns each record of a split once, in stored order, as (position, serialized)."""
    records = tf.data.TFRecordDataset([str(path) for path in source.shard_paths(split)])
    return _part(source, split, records).enumerate()


def class_counts(source: dataset.Dataset, split: str, target: str) -> list[int]:
    """Returns the number of a split's examples of each class, in the order of the indices."""
    counts = source.split(split).counts[target]
    return [counts.get(name, 0) for name in source.target(target).class_names]


def parse(serialized: tf.Tensor, target: str) -> dict[str, tf.Tensor]:
    """Opens a record: `image` (a JPEG), `label` (int64, of `target`), `image_id`, `group_id`."""
    features = tf.io.parse_single_example(
        serialized,
        {
            schema.IMAGE: tf.io.FixedLenFeature([], tf.string),
            schema.IMAGE_ID: tf.io.FixedLenFeature([], tf.string),
            schema.GROUP_ID: tf.io.FixedLenFeature([], tf.string),
            target: tf.io.FixedLenFeature([], tf.int64),
        },
    )
    return {
        "image": features[schema.IMAGE],
        "label": features[target],
        "image_id": features[schema.IMAGE_ID],
        "group_id": features[schema.GROUP_ID],
    }


def hold_out(source: dataset.Dataset, fraction: float) -> dataset.Dataset:
    """Returns the dataset with a validation split, made of training groups where it has none.

    Args:
      source: the dataset; one with a validation split stays as it is.
      fraction: of the training groups; 0 for none.

    Raises:
      DataError: a record is damaged.
      UsageError: there are too few groups.
    """
    splits = source.manifest.splits
    validation = splits.get(holdout.VALIDATION)
    if not fraction or (validation and validation.num_examples):
        return source
    counts = holdout.read_counts(source, fraction)
    if counts is None:
        end = holdout.first_bucket_of_training(fraction)
        shards = source.split(holdout.TRAIN).shards
        try:
            counts = {shard.name: _count(source, shard.name, end) for shard in shards}
        except tf.errors.DataLossError as error:
            raise exits.DataError(
                f"A record of {source.directory} is damaged: {error.message} "
                f"{dataset.mend(source.directory)}"
            ) from error
        holdout.write_counts(source, fraction, counts)
    return holdout.carve(source, fraction, counts)


def _count(source: dataset.Dataset, shard: str, end: int) -> dict[str, dict[str, list[int]]]:
    """Returns by split and target the number of a training shard's examples of each class."""
    targets = source.manifest.targets
    features = {name: tf.io.FixedLenFeature([], tf.int64) for name in targets}
    counts = {
        split: {name: [0] * len(target.class_names) for name, target in targets.items()}
        for split in (holdout.TRAIN, holdout.VALIDATION)
    }
    batches = tf.data.TFRecordDataset(str(source.directory / shard)).batch(COUNTED_RECORDS)
    for batch in batches:
        held_out = (_bucket(batch) < end).numpy()
        for name, labels in tf.io.parse_example(batch, features).items():
            for split, chosen in ((holdout.TRAIN, ~held_out), (holdout.VALIDATION, held_out)):
                found = np.bincount(labels.numpy()[chosen], minlength=len(counts[split][name]))
                counts[split][name] = (np.array(counts[split][name]) + found).tolist()
    return counts


class _Draws(NamedTuple):
    """What is drawn for an epoch."""

    permutation: tf.Tensor  # of the shards, int64
    window_seed: tf.Tensor  # int64 scalar
    firsts: tf.Tensor  # for each class where its counting begins, int64


def _draw(num_shards: int, counts: Sequence[int], seed: int, epoch: int) -> _Draws:
    random = np.random.default_rng([seed, epoch])
    permutation, window_seed = random.permutation(num_shards), random.integers(2**31)
    firsts = random.integers(0, np.maximum(np.array(counts, np.int64), 1))
    return _Draws(*(tf.constant(drawn, tf.int64) for drawn in (permutation, window_seed, firsts)))


def _epoch(
    shards: tf.Tensor,
    open_shard: Callable[[tf.Tensor], tf.data.Dataset],
    part: Callable[[tf.data.Dataset, tf.Tensor], tf.data.Dataset],
    draws: _Draws,
    start: int | tf.Tensor,
) -> tf.data.Dataset:
    """Returns (position, record) of an epoch, whatever stands for a shard and for a record."""

    @tf.autograph.experimental.do_not_convert
    def shuffle(index: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
        return _shuffle(window, draws.window_seed, index)

    permuted = tf.data.Dataset.from_tensor_slices(tf.gather(shards, draws.permutation))
    records = permuted.interleave(
        open_shard,
        cycle_length=CYCLE_SHARDS,
        block_length=BLOCK_RECORDS,
        num_parallel_calls=2,
        deterministic=True,
    )
    first_window = start // WINDOW_RECORDS
    windows = (
        part(records, draws.firsts)
        .skip(first_window * WINDOW_RECORDS)
        .batch(WINDOW_RECORDS)
        .enumerate(first_window)
        .map(shuffle)
        # The next window is read while this one is used.
        .prefetch(1)
    )
    shuffled = windows.unbatch().skip(start - first_window * WINDOW_RECORDS)
    return shuffled.enumerate(start)


def _balance(
    records: tf.data.Dataset,
    labels: Callable[[tf.Tensor], tf.Tensor],
    counts: Sequence[int],
    firsts: tf.Tensor,
) -> tf.data.Dataset:
    """Repeats and leaves out records, so that each class comes equally often.

    The n-th record of a class comes as often as what is due of the class, spread over its records
    evenly, has grown by it. Counting begins at a random n, or a dataset of few shards would lose
    the same records in each epoch.

    Args:
      records: of an epoch, whatever stands for them.
      labels: from several of these to their classes, int64.
      counts: of the records of each class.
      firsts: for each class where the counting begins, int64.
    """
    present = tf.constant([max(count, 1) for count in counts], tf.int64)
    quotas = tf.constant(balancing.quotas(counts), tf.int64)

    def repeat(seen: tf.Tensor, batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        classes = labels(batch)
        is_of_class = tf.one_hot(classes, len(counts), dtype=tf.int64)
        before = seen + tf.cumsum(is_of_class, exclusive=True)
        rank = tf.gather(before, classes, batch_dims=1)
        due, there = tf.gather(quotas, classes), tf.gather(present, classes)
        times = (rank + 1) * due // there - rank * due // there
        return seen + tf.reduce_sum(is_of_class, axis=0), tf.repeat(batch, times)

    return records.batch(COUNTED_RECORDS).scan(firsts, repeat).unbatch()


def _stored_records(source: dataset.Dataset, split: str) -> list[int]:
    """Returns how many records each shard of a split stores, for whatever splits."""
    counts: dict[str, int] = {}
    for content in source.manifest.splits.values():
        for shard in content.shards:
            counts[shard.name] = counts.get(shard.name, 0) + shard.records
    return [counts[shard.name] for shard in source.split(split).shards]


def _part(source: dataset.Dataset, split: str, records: tf.data.Dataset) -> tf.data.Dataset:
    """Leaves what belongs to the split, where two of them share the same shards."""
    keeps = _keeps(source, split)
    return records if keeps is None else records.filter(keeps)


def _keeps(source: dataset.Dataset, split: str) -> Callable[[tf.Tensor], tf.Tensor] | None:
    """Returns what tells of a record whether it is of the split; None where all are."""
    if not source.held_out or split not in (holdout.TRAIN, holdout.VALIDATION):
        return None
    end = holdout.first_bucket_of_training(source.held_out)
    return lambda serialized: (_bucket(serialized) < end) == (split == holdout.VALIDATION)


def _bucket(serialized: tf.Tensor) -> tf.Tensor:
    """Returns the bucket of the group of one record or of several."""
    features = {schema.GROUP_ID: tf.io.FixedLenFeature([], tf.string)}
    group = tf.io.parse_example(serialized, features)[schema.GROUP_ID]
    return tf.strings.to_hash_bucket_strong(group, holdout.BUCKETS, key=holdout.KEY)


def _shuffle(window: tf.Tensor, seed: int, index: tf.Tensor) -> tf.Tensor:
    # Philox is named because "auto" may choose by device, and the order must not.
    return tf.random.experimental.stateless_shuffle(
        window, seed=tf.stack([tf.cast(seed, tf.int64), index]), alg="philox"
    )
