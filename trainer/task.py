"""What is to be learnt from which examples: the configuration met with a dataset."""

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from tfrecords import dataset, exits, reader
from tfrecords import manifest as manifests
from trainer import choices, input_pipeline
from trainer import config as configs
from trainer.augment import policies
from trainer.networks import backbones, models, precision
from trainer.running import losses


@dataclasses.dataclass(frozen=True)
class Task:
    """A configuration and the dataset that it names.

    Raises:
      UsageError, DataError: the two do not go together.
    """

    config: configs.TrainConfig
    source: dataset.Dataset

    def __post_init__(self) -> None:
        self.source.target(self.config.target)
        for split in ("train", "validation", "test"):
            self.source.split(split)
        examples = self.source.split("train").num_examples
        if examples < self.config.global_batch_size:
            raise exits.UsageError(
                f"--global_batch_size must not exceed the {examples} examples of split 'train' of "
                f"{self.source.directory}. Received: {self.config.global_batch_size}."
            )

    @functools.cached_property
    def target(self) -> manifests.Target:
        """The class names, and which of them is positive."""
        return self.source.target(self.config.target)

    @property
    def positive(self) -> int:
        """The index of the class that a single logit speaks of."""
        target = self.target
        return 1 if target.positive is None else target.class_names.index(target.positive)

    @functools.cached_property
    def precision(self) -> str:
        """What the model reckons in on this machine."""
        return precision.resolve(self.config.precision)

    @property
    def loss(self) -> losses.Loss:
        """What training makes small."""
        weights = None
        if self.config.class_weights == choices.BALANCED:
            counts = reader.class_counts(self.source, "train", self.config.target)
            weights = losses.balanced_weights(counts)
        return losses.Loss(self.positive, self.config.label_smoothing, weights)

    @property
    def _balanced(self) -> str | None:
        return self.config.target if self.config.balanced_sampling else None

    @property
    def image_size(self) -> int:
        """Height and width of the model's images; by default those that the dataset stores."""
        return self.config.image_size or self.source.manifest.image_size

    @property
    def steps_per_epoch(self) -> int:
        """The number of whole global batches in the training split."""
        return self.source.split("train").num_examples // self.config.global_batch_size

    @property
    def weights(self) -> str:
        """What the backbone starts from: `imagenet`, `none` or a path."""
        pretrained = self.config.model in backbones.PRETRAINED
        return self.config.weights or ("imagenet" if pretrained else "none")

    @property
    def model_spec(self) -> models.ModelSpec:
        """The model's architecture."""
        return model_spec(self.config, self.image_size, len(self.target.class_names))

    def train_batches(
        self,
        *,
        epoch: int,
        start_step: int = 0,
        part: tuple[int, int] = input_pipeline.WHOLE,
    ) -> tf.data.Dataset:
        """Returns the batches of an epoch, counted over all phases, from a step on."""
        return input_pipeline.for_train(
            self.source,
            self.config.target,
            image_size=self.image_size,
            global_batch_size=self.config.global_batch_size,
            seed=self.config.seed,
            epoch=epoch,
            start_step=start_step,
            shuffle_labels=self.config.shuffle_labels,
            policy=policies.POLICIES[self.config.augment],
            balanced=self._balanced,
            mixup_alpha=self.config.mixup_alpha,
            part=part,
        )

    def feature_batches(
        self,
        split: str,
        *,
        policy: policies.Policy,
        view: int,
        start: int,
        batch_size: int,
        part: tuple[int, int] = input_pipeline.WHOLE,
    ) -> tf.data.Dataset:
        """Returns the batches of a split in stored order, to compute features of each once."""
        return input_pipeline.for_features(
            self.source,
            split,
            self.config.target,
            image_size=self.image_size,
            global_batch_size=batch_size,
            seed=self.config.seed,
            policy=policy,
            view=view,
            start=start,
            shuffle_labels=self.config.shuffle_labels,
            part=part,
        )

    def order_of_rows(
        self, indices: np.ndarray, labels: np.ndarray
    ) -> tuple[np.ndarray, reader.TrainOrder]:
        """Returns where training examples lie among rows, and the order of `train_batches`.

        Args:
          indices: int64 [rows], of the example of each row, as of `feature_batches`; ascending.
          labels: int64 [rows].

        Returns:
          By the index of an example its row, -1 for those of other splits; and the order.
        """
        row_of = np.full(reader.num_stored(self.source, "train"), -1)
        row_of[indices] = np.arange(len(indices))
        label_of = np.zeros_like(row_of)
        label_of[indices] = labels
        balanced = label_of if self.config.balanced_sampling else None
        return row_of, reader.TrainOrder(
            self.source, "train", row_of >= 0, seed=self.config.seed, balanced=balanced
        )

    def image_ids(self, *, epoch: int, step: int) -> list[str]:
        """Returns the image_ids of the examples of a step of training, in their order."""
        return input_pipeline.image_ids(
            self.source,
            seed=self.config.seed,
            epoch=epoch,
            start=step * self.config.global_batch_size,
            count=self.config.global_batch_size,
            balanced=self._balanced,
        )

    def eval_batches(
        self, split: str, *, part: tuple[int, int] = input_pipeline.WHOLE
    ) -> tf.data.Dataset:
        """Returns the batches of a split, each example once."""
        return input_pipeline.for_eval(
            self.source,
            split,
            self.config.target,
            image_size=self.image_size,
            global_batch_size=self.config.global_batch_size,
            shuffle_labels_seed=self.config.seed if self.config.shuffle_labels else None,
            part=part,
        )


def model_spec(config: configs.TrainConfig, image_size: int, num_classes: int) -> models.ModelSpec:
    """Returns the architecture that a configuration describes, of images and classes like these."""
    has_features_of_classes = backbones.BACKBONES[config.model].loss is not None
    is_one = num_classes == 2 and config.logits == choices.AUTO and not has_features_of_classes
    return models.ModelSpec(
        name=config.model,
        image_size=image_size,
        num_logits=1 if is_one else num_classes,
        alpha=config.alpha,
        scaling=config.scaling,
        dropout=config.dropout,
        head=config.head,
        head_units=config.head_unit_counts,
        head_batch_norm=config.head_batch_norm,
        feature_dropout=config.feature_dropout,
    )
