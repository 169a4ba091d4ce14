"""A dataset painted in code and written by the contract alone: small grey squares."""

import io
import pathlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

from tfrecords import framing, names, schema, tfds_files
from tfrecords import manifest as manifests

LABEL = manifests.Target(("real", "fake"), "fake")


def jpeg(shade: int, size: int = 16, seed: int = 0) -> bytes:
    """A JPEG of one shade with some noise."""
    noise = np.random.default_rng([seed, shade]).integers(-8, 9, (size, size, 3))
    pixels = np.clip(shade + noise, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG", quality=95)
    return buffer.getvalue()


def write(
    data_dir: pathlib.Path,
    *,
    name: str = "tiny",
    train: int = 48,
    validation: int = 16,
    test: int = 10,
    shards: int = 3,
    size: int = 16,
    class_names: tuple[str, ...] = ("real", "fake"),
    group_size: int = 1,
    target_name: str = "label",
    labels: Sequence[int] | None = None,
) -> pathlib.Path:
    """Writes a dataset whose label can be told from the shade; returns its directory.

    Examples that follow one another are of one group, `group_size` of them. Their labels take
    turns, unless those of the training examples are given.
    """
    directory = data_dir / name / "1.0.0"
    directory.mkdir(parents=True)
    target = LABEL if class_names == LABEL.class_names else manifests.Target(class_names)
    counts = {"train": train, "validation": validation, "test": test}
    splits = {
        split: _split(
            directory,
            name,
            split,
            count,
            min(shards, count),
            size,
            {target_name: target},
            group_size,
            labels if labels and split == "train" else [i % len(class_names) for i in range(count)],
        )
        for split, count in counts.items()
        if count
    }
    content = manifests.Manifest(
        dataset=name,
        version="1.0.0",
        targets={target_name: target},
        attributes=(),
        splits=splits,
        image_size=size,
        plan_digest="0" * 64,
        command=f"python -m data_pipeline.build --dataset={name}",
        options={},
        listed=train + validation + test,
        duplicates=0,
        rejects={},
        code_version="0",
    )
    tfds_files.write(content, directory)
    manifests.write(content, directory)
    return directory


def _split(
    directory: pathlib.Path,
    name: str,
    split: str,
    count: int,
    shards: int,
    size: int,
    targets: dict[str, manifests.Target],
    group_size: int,
    labels: Sequence[int],
) -> manifests.Split:
    ((target_name, target),) = targets.items()
    written, classes = [], len(target.class_names)
    for shard in range(shards):
        file_name = names.shard(name, split, shard, shards)
        with framing.RecordWriter(directory / file_name) as writer:
            for index in range(shard, count, shards):
                label = labels[index]
                shade = 60 + label * 120 // (classes - 1)
                image_id = f"{split}/{index:04d}.jpg"
                group_id = f"{split}/{index // group_size * group_size:04d}.jpg"
                record = schema.Record(
                    jpeg(shade, size, index), {target_name: label}, image_id, group_id, size, size
                )
                writer.write(record.serialize())
        written.append(manifests.Shard(file_name, writer.records, writer.num_bytes, writer.sha256))
    totals = {c: list(labels).count(i) for i, c in enumerate(target.class_names)}
    return manifests.Split(tuple(written), {target_name: totals})
