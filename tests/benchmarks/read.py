"""Images a second from disk to augmented batches, beside Keras: python -m tests.benchmarks.read.

Painted JPEGs of 256 pixels. A second is one of wall time, and beside it one of a processor, which
tells more where other programs run. All cases take turns, and the median of their rounds counts.
"""

import json
import pathlib
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable

import tensorflow as tf
from keras.src.legacy.preprocessing.image import ImageDataGenerator

from tests import tiny
from tfrecords import dataset, reader
from trainer import input_pipeline
from trainer.augment import policies

RESULTS = pathlib.Path(__file__).parent / "read.json"
SIZE, BATCH = 256, 64
NUM_IMAGES, NUM_FILES = 8192, 256  # an epoch of 2,048 would be all beginning
ROUNDS, SECONDS = 3, 4  # of each case
A0 = {
    "rotation_range": 30,
    "width_shift_range": 0.1,
    "height_shift_range": 0.1,
    "shear_range": 0.1,
    "zoom_range": 0.3,
    "horizontal_flip": True,
    "vertical_flip": True,
    "brightness_range": (0.3, 1.7),
}


def keras_generator(directory: pathlib.Path, **options) -> Iterable:
    """The generator of the reference projects, from files."""
    generator = ImageDataGenerator(**options)
    return generator.flow_from_directory(directory, (SIZE, SIZE), batch_size=BATCH)


def plain_decode(source: dataset.Dataset) -> Iterable:
    """The limit: records and the JPEG decoder, and nothing else."""
    features = {"image": tf.io.FixedLenFeature([], tf.string)}

    def decode(serialized: tf.Tensor) -> tf.Tensor:
        record = tf.io.parse_single_example(serialized, features)
        return tf.ensure_shape(tf.io.decode_jpeg(record["image"], channels=3), [SIZE, SIZE, 3])

    return in_stored_order(source, decode)


def own_decode(source: dataset.Dataset) -> Iterable:
    """Records as they are opened and decoded for a training, in the order of the files."""

    def decode(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        record = reader.parse(serialized, "label")
        return input_pipeline.decode(record["image"], SIZE), record["label"]

    return in_stored_order(source, decode)


def in_stored_order(source: dataset.Dataset, decode: Callable) -> Iterable:
    """Batches of the training split, again and again."""
    paths = [str(path) for path in sorted(source.directory.glob("*-train.tfrecord-*"))]
    records = tf.data.TFRecordDataset(paths).repeat()
    return records.map(decode, num_parallel_calls=tf.data.AUTOTUNE).batch(BATCH).prefetch(2)


def epochs(source: dataset.Dataset, name: str) -> Iterable:
    """Batches as a training gets them, augmented in a graph, as there."""
    policy = policies.POLICIES[name]
    augmented = tf.function(policy)
    options = {"image_size": SIZE, "global_batch_size": BATCH, "seed": 0, "policy": policy}
    for epoch in range(10_000):
        for batch in input_pipeline.for_train(source, "label", epoch=epoch, **options):
            yield augmented(batch["image"], batch["noise"])


def cached(source: dataset.Dataset, name: str) -> Iterable:
    """One decoded batch in memory, augmented again and again."""
    policy = policies.POLICIES[name]
    augmented = tf.function(policy)
    options = {"image_size": SIZE, "global_batch_size": BATCH, "seed": 0, "policy": policy}
    batch = next(iter(input_pipeline.for_train(source, "label", epoch=0, **options)))
    while True:
        yield augmented(batch["image"], batch["noise"])


def rate(batches: Iterable) -> dict[str, float]:
    """Returns images a second, after a first batch that may be traced and compiled."""
    iterator = iter(batches)
    next(iterator)
    start, used, images = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - start < SECONDS:
        next(iterator)
        images += BATCH
    return {
        "images_per_second": images / (time.perf_counter() - start),
        "images_per_processor_second": images / (time.process_time() - used),
    }


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Returns of each number the median."""
    return {key: statistics.median(found[key] for found in rounds) for key in rounds[0]}


def main() -> None:
    warnings.simplefilter("ignore", DeprecationWarning)  # of SciPy, whose old names Keras uses
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        source = dataset.load(tiny.write(directory / "data", train=NUM_IMAGES, size=SIZE))
        for index in range(NUM_FILES):
            path = directory / "files" / str(index % 2) / f"{index}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(tiny.jpeg(60 + index % 2 * 120, SIZE, index))
        cases: dict[str, Callable[[], Iterable]] = {
            "Keras' ImageDataGenerator, A0": lambda: keras_generator(directory / "files", **A0),
            "plain decode": lambda: plain_decode(source),
            "own decode, in stored order": lambda: own_decode(source),
            "none": lambda: epochs(source, "none"),
            "reference": lambda: epochs(source, "reference"),
            "forensic": lambda: epochs(source, "forensic"),
            "reference, decoded before": lambda: cached(source, "reference"),
        }
        rounds = [{case: rate(make()) for case, make in cases.items()} for _ in range(ROUNDS)]
    results = {case: medians([found[case] for found in rounds]) for case in cases}
    generator, decoder, *_ = results.values()
    for case, found in results.items():
        print(case)
        for unit, number in found.items():
            print(
                f"  {number:9,.0f} {unit:28} {number / generator[unit]:6.1f} of the generator's "
                f"{number / decoder[unit]:6.2f} of plain decode"
            )
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
