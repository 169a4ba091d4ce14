"""From records to batches: decoding, and what belongs to an example's place in its epoch.

Both functions yield dictionaries of whole global batches, always of the same shape:

- `image`: uint8 [batch, size, size, 3], RGB,
- `label`: int64 [batch], the class index,
- `position`: int64 [batch], the example's place in the epoch,
- `weight`: float32 [batch], 1, or 0 for the rows that fill the last batch of an evaluation,
- `noise`: float32 [batch, num_numbers], uniform in [0, 1), for the augmentation on the device; in
  training alone,
- `partner_label`: int64 [batch], and `share`: float32 [batch], where `mixup` mixed the images.
"""

from collections.abc import Iterable

import tensorflow as tf

from tfrecords import dataset, reader
from trainer.augment import mixup, policies

DECODE_THREADS = tf.data.AUTOTUNE
WHOLE = (0, 1)  # the first of one part
PREFETCH_BATCHES = 2  # a constant: a tuned one has taken all memory


def for_train(
    source: dataset.Dataset,
    target: str,
    *,
    image_size: int,
    global_batch_size: int,
    seed: int,
    epoch: int,
    policy: policies.Policy,
    start_step: int = 0,
    shuffle_labels: bool = False,
    balanced: str | None = None,
    mixup_alpha: float = 0.0,
    part: tuple[int, int] = WHOLE,
) -> tf.data.Dataset:
    """Returns the batches of one epoch from `start_step` on.

    Examples that do not fill a last batch are left out; as each epoch has an order of its own, no
    example is left out for good.
    """
    start = start_step * global_batch_size
    records = reader.for_train(
        source, "train", seed=seed, epoch=epoch, start=start, balanced=balanced
    )
    rows = global_batch_size // part[1]
    if not mixup_alpha:  # whose partners may be in any part
        records = _of_part(records, part, rows)

    @tf.autograph.experimental.do_not_convert
    def prepare(position: tf.Tensor, serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        example = _example(source, serialized, target, image_size, seed if shuffle_labels else None)
        noise = policy.noise(seed, epoch, position)
        image = policy.decoded(example["image"], noise)
        return {**example, "image": image, "position": position, "weight": 1.0, "noise": noise}

    examples = records.map(prepare, num_parallel_calls=DECODE_THREADS, deterministic=True)
    if not mixup_alpha:
        return examples.batch(rows, drop_remainder=True).prefetch(PREFETCH_BATCHES)
    batches = examples.batch(global_batch_size, drop_remainder=True).map(
        lambda batch: mixup.mix(batch, alpha=mixup_alpha, seed=seed, epoch=epoch)
    )
    return batches.map(lambda batch: own_rows(batch, part)).prefetch(PREFETCH_BATCHES)


def for_eval(
    source: dataset.Dataset,
    split: str,
    target: str,
    *,
    image_size: int,
    global_batch_size: int,
    shuffle_labels_seed: int | None = None,
    part: tuple[int, int] = WHOLE,
) -> tf.data.Dataset:
    """Returns the batches of a split in stored order, each example once.

    The last batch is filled with black images of weight 0, so that no replica is without rows.
    """
    rows = global_batch_size // part[1]
    records = _of_part(reader.for_eval(source, split), part, rows)

    @tf.autograph.experimental.do_not_convert
    def prepare(position: tf.Tensor, serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        example = _example(source, serialized, target, image_size, shuffle_labels_seed)
        return {**example, "position": position, "weight": 1.0}

    examples = records.map(prepare, num_parallel_calls=DECODE_THREADS, deterministic=True)
    missing = _missing(source.split(split).num_examples, global_batch_size, part)
    return _in_whole_batches(examples, missing, rows)


def for_features(
    source: dataset.Dataset,
    split: str,
    target: str,
    *,
    image_size: int,
    global_batch_size: int,
    seed: int,
    policy: policies.Policy,
    view: int,
    start: int = 0,
    shuffle_labels: bool = False,
    part: tuple[int, int] = WHOLE,
) -> tf.data.Dataset:
    """Returns the batches of a split in stored order, to compute something of each example once.

    Each has its `index` instead of a position: its place as `reader.stored` counts. The numbers of
    the augmentation follow from (seed, view, index), where `view` is one of the augmented forms of
    an image. The first `start` examples are left out; the last batch is filled as in `for_eval`.
    """
    rows = global_batch_size // part[1]
    records = reader.stored(source, split).skip(start)
    if part != WHOLE:
        # An index counts the examples of other splits, too.
        placed = tf.data.Dataset.zip(tf.data.Dataset.counter(), records)
        records = _of_part(placed, part, rows).map(lambda _, record: record)

    @tf.autograph.experimental.do_not_convert
    def prepare(index: tf.Tensor, serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        example = _example(source, serialized, target, image_size, seed if shuffle_labels else None)
        noise = policy.noise(seed, view, index)
        image = policy.decoded(example["image"], noise)
        return {**example, "image": image, "index": index, "weight": 1.0, "noise": noise}

    examples = records.map(prepare, num_parallel_calls=DECODE_THREADS, deterministic=True)
    num_examples = source.split(split).num_examples - start
    return _in_whole_batches(examples, _missing(num_examples, global_batch_size, part), rows)


def own_rows(batch: dict[str, tf.Tensor], part: tuple[int, int]) -> dict[str, tf.Tensor]:
    """Returns the rows of one of several workers, of a global batch."""
    index, count = part
    rows = batch["position"].shape[0] // count
    return {name: values[index * rows : (index + 1) * rows] for name, values in batch.items()}


def _of_part(records: tf.data.Dataset, part: tuple[int, int], rows: int) -> tf.data.Dataset:
    """Leaves the rows of one of several workers: so many together of each global batch."""
    index, count = part
    if count == 1:
        return records
    return records.filter(lambda position, _: position // rows % count == index)


def images_at(
    source: dataset.Dataset, split: str, positions: list[int], image_size: int
) -> list[tuple[str, tf.Tensor]]:
    """Returns (image_id, uint8 image [size, size, 3]) of some examples of an evaluation."""
    target = next(iter(source.manifest.targets))
    found = {}
    for position, serialized in reader.for_eval(source, split).filter(
        lambda position, _: tf.reduce_any(position == tf.constant(positions, tf.int64))
    ):
        record = reader.parse(serialized, target)
        image_id = record["image_id"].numpy().decode(errors="replace")
        found[int(position)] = (image_id, decode(record["image"], image_size))
    return [found[position] for position in positions]


def example_ids(source: dataset.Dataset, split: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the image_ids and the group_ids of the examples of an evaluation, in stored order."""
    target = next(iter(source.manifest.targets))

    @tf.autograph.experimental.do_not_convert
    def ids(_: tf.Tensor, serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        record = reader.parse(serialized, target)
        return record["image_id"], record["group_id"]

    pairs = reader.for_eval(source, split).map(ids).as_numpy_iterator()
    image_ids, group_ids = zip(*pairs, strict=True)
    return _texts(image_ids), _texts(group_ids)


def _texts(names: Iterable[bytes]) -> tuple[str, ...]:
    return tuple(name.decode(errors="surrogateescape") for name in names)


def image_ids(
    source: dataset.Dataset,
    *,
    seed: int,
    epoch: int,
    start: int,
    count: int,
    balanced: str | None = None,
) -> list[str]:
    """Returns the image_ids of `count` examples of an epoch of training, from a position on."""
    target = next(iter(source.manifest.targets))
    records = reader.for_train(
        source, "train", seed=seed, epoch=epoch, start=start, balanced=balanced
    ).take(count)
    return [
        reader.parse(serialized, target)["image_id"].numpy().decode(errors="replace")
        for _, serialized in records
    ]


def decode(jpeg: tf.Tensor, size: int) -> tf.Tensor:
    """Decodes a JPEG to uint8 [size, size, 3]: the middle of the image, as large as it can be.

    An image whose short side is `size`, or up to a quarter more, is cropped and not resampled:
    resampling blurs the traces by which generated images can be told.
    """
    # The accurate transform is as fast, and leaves the same pixels as other decoders.
    image = tf.io.decode_jpeg(jpeg, channels=3, dct_method="INTEGER_ACCURATE")
    # Most are stored as they are wanted.
    is_whole = tf.reduce_all(tf.shape(image)[:2] == size)
    image = tf.cond(is_whole, lambda: image, lambda: _middle(image, size))
    return tf.ensure_shape(image, [size, size, 3])


# Not inlined: what is in a graph costs time, twenty microseconds here, even where it is not taken.
@tf.function(reduce_retracing=True, autograph=False, experimental_attributes={"_noinline": True})
def _middle(image: tf.Tensor, size: int) -> tf.Tensor:
    """Crops an image of any shape to uint8 [size, size, 3], resampled where it has to be."""
    shape = tf.shape(image)
    short = tf.minimum(shape[0], shape[1])
    keep = (short >= size) & (4 * short <= 5 * size)
    image = tf.cond(keep, lambda: image, lambda: _resize(image, short, size))
    shape = tf.shape(image)
    top, left = (shape[0] - size) // 2, (shape[1] - size) // 2
    return image[top : top + size, left : left + size]


def _missing(num_examples: int, global_batch_size: int, part: tuple[int, int]) -> int:
    """Returns how many rows the last batch of one of several workers lacks."""
    rows, rest = global_batch_size // part[1], num_examples % global_batch_size
    return rows - min(max(rest - part[0] * rows, 0), rows) if rest else 0


def _in_whole_batches(
    examples: tf.data.Dataset, missing: int, global_batch_size: int
) -> tf.data.Dataset:
    """Fills the last batch with `missing` examples of zeros, and so of weight 0."""
    if missing:
        empty = tf.nest.map_structure(
            lambda spec: tf.zeros([missing, *spec.shape], spec.dtype), examples.element_spec
        )
        examples = examples.concatenate(tf.data.Dataset.from_tensor_slices(empty))
    return examples.batch(global_batch_size, drop_remainder=True).prefetch(PREFETCH_BATCHES)


def _resize(image: tf.Tensor, short: tf.Tensor, size: int) -> tf.Tensor:
    """Scales the short side to `size`."""
    shape = tf.cast(tf.shape(image)[:2], tf.float64) * size / tf.cast(short, tf.float64)
    shape = tf.maximum(tf.cast(tf.round(shape), tf.int32), size)
    resized = tf.image.resize(image, shape, antialias=True)
    return tf.saturate_cast(tf.round(resized), tf.uint8)


def _example(
    source: dataset.Dataset,
    serialized: tf.Tensor,
    target: str,
    image_size: int,
    shuffle_labels_seed: int | None,
) -> dict[str, tf.Tensor]:
    record = reader.parse(serialized, target)
    label = record["label"]
    if shuffle_labels_seed is not None:
        # A label by lot, one for each group: what is learnt of a group in training must not help in
        # the test, unless the group is in both.
        label = tf.strings.to_hash_bucket_strong(
            record["group_id"],
            len(source.target(target).class_names),
            key=[shuffle_labels_seed, 0],
        )
    return {"image": decode(record["image"], image_size), "label": label}
