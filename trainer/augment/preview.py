"""A picture of training images, each augmented several times: what a policy does to a dataset."""

import dataclasses
import pathlib

import numpy as np
import tensorflow as tf

from tfrecords import dataset, exits, reader
from trainer import input_pipeline, plots
from trainer.augment import policies
from trainer.config import TrainConfig

NUM_IMAGES = 8
NUM_TIMES = 8


@dataclasses.dataclass(frozen=True)
class PreviewConfig:
    """The configuration of a preview; the flags of `trainer.augment` are its fields.

    Raises:
      UsageError: a value is out of range.
    """

    data_dir: str = TrainConfig.data_dir
    dataset: str = TrainConfig.dataset
    version: str | None = None
    augment: str = TrainConfig.augment
    image_size: int | None = None
    seed: int = TrainConfig.seed
    output: str | None = None

    def __post_init__(self) -> None:
        TrainConfig(augment=self.augment, image_size=self.image_size, seed=self.seed)
        if self.output is not None and not self.output.endswith(".png"):
            raise exits.UsageError(
                f"--output must be the name of a .png file. Received: {self.output!r}."
            )

    @property
    def output_path(self) -> pathlib.Path:
        """Where the picture goes."""
        return pathlib.Path(self.output or f"augmented_{self.augment}.png")


def write(config: PreviewConfig) -> str:
    """Writes the picture and returns a line that says so.

    Raises:
      UsageError: there is no such dataset, or the picture cannot be written there.
      DataError: the dataset is not whole.
    """
    source = dataset.find(pathlib.Path(config.data_dir), config.dataset, config.version)
    size = config.image_size or source.manifest.image_size
    policy = policies.POLICIES[config.augment]
    images, captions = augmented(source, policy, image_size=size, seed=config.seed)
    picture = plots.image_grid(images, captions, columns=1 + NUM_TIMES)
    path = config.output_path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(plots.to_png(picture))
    except OSError as error:
        raise exits.UsageError(
            f"--output={path} cannot be written: {error.strerror}. Choose another file."
        ) from None
    return (
        f"Wrote {path}: {len(images) // (1 + NUM_TIMES)} images of {config.dataset} as they are "
        f"stored, and {NUM_TIMES} times as --augment={config.augment} changes them."
    )


def augmented(
    source: dataset.Dataset, policy: policies.Policy, *, image_size: int, seed: int
) -> tuple[list[np.ndarray], list[str]]:
    """Returns training images row by row, each first as it is, and captions of the same number.

    In each row the changes are those of one place in epoch after epoch.
    """
    target = next(iter(source.manifest.targets))
    records = reader.for_train(source, "train", seed=seed, epoch=0, start=0).take(NUM_IMAGES)
    images, captions = [], []
    for position, serialized in records:
        image = input_pipeline.decode(reader.parse(serialized, target)["image"], image_size)
        noises = [policy.noise(seed, epoch, position) for epoch in range(NUM_TIMES)]
        decoded = tf.stack([policy.decoded(image, noise) for noise in noises])
        images += [image.numpy(), *policy(decoded, tf.stack(noises)).numpy()]
        captions += ["as stored", *[""] * NUM_TIMES]
    return images, captions
