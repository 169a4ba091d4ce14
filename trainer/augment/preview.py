"""A picture of training images, each augmented several times: what a policy does to a dataset."""

import dataclasses
import pathlib

import numpy as np
import tensorflow as tf

from tfrecords import dataset, exits, reader, settings
from trainer import choices, input_pipeline
from trainer import config as configs
from trainer.augment import policies
from trainer.reporting import plots

NUM_IMAGES = 8
NUM_TIMES = 8
GAP = 4  # pixels


@dataclasses.dataclass(frozen=True)
class PreviewConfig:
    """The configuration of a preview; the flags of `trainer.augment` are its fields.

    Raises:
      UsageError: a value is out of range.
    """

    data_dir: str = settings.place("data", "The directory that datasets are built in.")
    dataset: str = settings.text("sample", "The dataset's name.")
    version: str | None = settings.text(None, "Its version; by default the highest.")
    augment: str = settings.choice(
        configs.TrainConfig.augment, choices.AUGMENTATIONS, "How images are changed"
    )
    image_size: int | None = settings.number(
        None, 8, 4096, "Side of the images; default: as the dataset's."
    )
    seed: int = settings.number(
        0, 0, 2_000_000_000, "Decides which images, and how each is changed."
    )
    output: str | None = settings.text(None, "The picture; default: augmented_<augment>.png.")

    def __post_init__(self) -> None:
        settings.check(self)
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
    rows = augmented(source, policy, image_size=size, seed=config.seed)
    path = config.output_path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(plots.to_png(mosaic(rows)))
    except OSError as error:
        raise exits.UsageError(
            f"--output={path} cannot be written: {error.strerror}. Choose another file."
        ) from None
    return (
        f"Wrote {path}: in each of {len(rows)} rows an image of {config.dataset} as it is stored, "
        f"and {NUM_TIMES} times as --augment={config.augment} changes it."
    )


def augmented(
    source: dataset.Dataset, policy: policies.Policy, *, image_size: int, seed: int
) -> np.ndarray:
    """Returns training images as they are and in epoch after epoch, at most NUM_IMAGES of them.

    Returns:
      uint8 [images, 1 + NUM_TIMES, image_size, image_size, 3].
    """
    target = next(iter(source.manifest.targets))
    records = reader.for_train(source, "train", seed=seed, epoch=0, start=0).take(NUM_IMAGES)
    rows = []
    for position, serialized in records:
        image = input_pipeline.decode(reader.parse(serialized, target)["image"], image_size)
        noises = [policy.noise(seed, epoch, position) for epoch in range(NUM_TIMES)]
        decoded = tf.stack([policy.decoded(image, noise) for noise in noises])
        rows.append(np.stack([image, *policy(decoded, tf.stack(noises))]))
    return np.stack(rows)


def mosaic(rows: np.ndarray) -> np.ndarray:
    """Returns one picture of images side by side, pixel by pixel: blur and noise are to be seen.

    Args:
      rows: uint8 [rows, columns, height, width, 3].
    """
    padded = np.pad(rows, [(0, 0), (0, 0), (GAP, 0), (GAP, 0), (0, 0)], constant_values=255)
    num_rows, num_columns, height, width, channels = padded.shape
    joined = padded.transpose(0, 2, 1, 3, 4)
    return joined.reshape(num_rows * height, num_columns * width, channels)
