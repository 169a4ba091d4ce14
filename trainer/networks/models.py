"""The models by name: a backbone, its own scaling, and the head that classifies.

Preprocessing is part of the model: it takes uint8 RGB, so that training, evaluation and prediction
cannot disagree about it.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, Self

import keras
import tensorflow as tf

from tfrecords import exits
from trainer.networks import backbones, dropout, heads, precision, remat

NAMES = tuple(backbones.BACKBONES)
OWN = "own"
# The places of the head among the layers with dropout; those of backbones count from 0.
_FEATURES_SALT, _LAST_SALT = 30, 31
# Of the statistics of a backbone that learns them. With the .999 of MobileNetV2 a third of those
# that it came with are left after a thousand steps, and do not fit the weights by then.
_LEARNING_MOMENTUM = 0.9


@dataclasses.dataclass(frozen=True)
class ModelSpec:
    """All that determines a model's architecture; a bundle stores it.

    Attributes:
      name: one of `NAMES`.
      image_size: height and width of the images, in pixels.
      num_logits: 1 for two classes, else one per class.
      alpha: the width of a MobileNet.
      scaling: of pixels, `own` as the backbone's, or `contrast` to that of their neighbourhood.
      dropout: the share of values dropped before the last layer, in training.
      head: how feature maps become features, `gap` or `flatten`.
      head_units: of the dense layers between the features and the last layer.
      head_batch_norm: whether each of these is followed by a batch norm.
      feature_dropout: the share of features dropped before these, in training.
    """

    name: str
    image_size: int
    num_logits: int
    alpha: float = 1.0
    dropout: float = 0.0
    head: str = heads.GAP
    head_units: tuple[int, ...] = ()
    head_batch_norm: bool = False
    feature_dropout: float = 0.0
    scaling: str = OWN

    def __post_init__(self) -> None:
        if self.name not in backbones.BACKBONES:
            raise exits.UsageError(
                f"--model must be one of {', '.join(NAMES)}. Received: {self.name!r}."
            )
        if self.alpha != 1 and not backbones.BACKBONES[self.name].alphas:
            raise exits.UsageError(
                f"--alpha is for mobilenet_v2. Received: --alpha={self.alpha} --model={self.name}."
            )
        if self.scaling != OWN and backbones.BACKBONES[self.name].pretrained:
            raise exits.UsageError(
                f"--scaling={self.scaling} is for networks without pretrained weights; those of "
                f"--model={self.name} were trained with a scaling of their own."
            )
        if not self.head_units and (self.feature_dropout or self.head_batch_norm):
            flag = "--feature_dropout" if self.feature_dropout else "--head_batch_norm"
            raise exits.UsageError(
                f"{flag} is for a head with dense layers. Add --head_units, such as 512, or leave "
                "it out."
            )

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Reads what `dataclasses.asdict` and JSON made of a spec; JSON knows no tuples."""
        return cls(**{**fields, "head_units": tuple(fields.get("head_units", ()))})


class Classifier(keras.Model):
    """uint8 RGB images [batch, size, size, 3] -> float32 logits [batch, num_logits].

    A head of pooling, dense layers, dropout and one last dense layer stands on a backbone. What is
    dropped follows from a number given with each example, see `dropout`.
    """

    def __init__(self, spec: ModelSpec, backbone: keras.Model):
        super().__init__(name="classifier")
        self.spec = spec
        self.backbone = backbone
        self.train_batch_norm = False
        self.recompute(())
        self.head = keras.layers.Dense(
            spec.num_logits,
            dtype="float32",
            name="head",
            kernel_initializer=_first_weights_of_head(spec),
        )
        self.hidden = heads.Hidden(spec.head_units, batch_norm=spec.head_batch_norm, name="hidden")
        features = (None, self.num_features)
        self.hidden.build(features)
        self.head.build(self.hidden.compute_output_shape(features))
        self.built = True
        self.normalise_by_replica(is_local=False)

    @property
    def num_features(self) -> int:
        """The number of features that the head sees."""
        return heads.num_features(self.backbone.output.shape, self.spec.head)

    def call(
        self,
        images: tf.Tensor,
        training: bool = False,
        example_seeds: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns the logits.

        Args:
          images: uint8 [batch, size, size, 3].
          training: whether batch norm and dropout are those of training.
          example_seeds: uint32 [batch], from `dropout.seeds`; without them, in training, all
            examples meet the same masks.
        """
        features = self.features(images, training, example_seeds)
        return self.classify(features, training, example_seeds)

    def backbone_inputs(self, images: tf.Tensor, example_seeds: tf.Tensor | None = None) -> Any:
        """Returns what the backbone takes: scaled pixels, float32, and seeds if it drops values."""
        own = backbones.BACKBONES[self.spec.name].scale
        scale = own if self.spec.scaling == OWN else backbones.contrast
        # Not under XLA, which rounds `pixels / 127.5 - 1` once and not twice, so that predictions
        # would change in their last bits for some hundredths of a millisecond an image.
        pixels = scale(tf.cast(images, tf.float32))
        takes_seeds = len(self.backbone.inputs) == 2
        return [pixels, _seeds(images, example_seeds)] if takes_seeds else pixels

    def features(
        self,
        images: tf.Tensor,
        training: bool = False,
        example_seeds: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns pooled features, float32 [batch, num_features], of uint8 images."""
        inputs = self.backbone_inputs(images, example_seeds)
        # Predictions keep no activations anyway.
        backbone = self.parts if training and self.parts else self.backbone
        maps = backbone(inputs, training=training and self.train_batch_norm)
        # The mean of half-precision numbers is not to be one itself.
        return heads.pool(tf.cast(maps, tf.float32), self.spec.head)

    def classify(
        self,
        features: tf.Tensor,
        training: bool = False,
        example_seeds: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns the logits of pooled features; the arguments are those of `call`."""
        seeds = _seeds(features, example_seeds)
        if training and self.spec.feature_dropout:
            features = dropout.drop(features, seeds, self.spec.feature_dropout, _FEATURES_SALT)
        features = self.hidden(features, training=training)
        if training and self.spec.dropout:
            features = dropout.drop(features, seeds, self.spec.dropout, _LAST_SALT)
        return self.head(features)

    def feature_loss(self, labels: tf.Tensor, features: tf.Tensor) -> tf.Tensor | float:
        """Returns what the features of each example add to the loss, float32 [batch] or 0."""
        loss = backbones.BACKBONES[self.spec.name].loss
        return 0.0 if loss is None else loss(labels, features)

    def recompute(self, cuts: Sequence[keras.KerasTensor]) -> None:
        """Has the backward pass compute activations of the backbone again.

        Args:
          cuts: of the backbone, see `remat`; none of them keeps all activations.
        """
        with precision.of_new_layers(self.backbone.compute_dtype):
            self.parts = remat.Parts(self.backbone, cuts) if cuts else None

    def freeze_backbone(self) -> None:
        """Leaves the head alone trainable; the backbone's batch norm uses its statistics."""
        self.backbone.trainable = False
        self.train_batch_norm = False

    def unfreeze_from(self, layer: str, *, train_batch_norm: bool) -> None:
        """Makes the backbone trainable from a layer on.

        Args:
          layer: the name or the index of the first layer to train; `0` trains all.
          train_batch_norm: whether the backbone's batch norm updates its statistics; that of the
            head always does.

        Raises:
          UsageError: there is no such layer.
        """
        first = self.layer_index(layer)
        self.backbone.trainable = True
        for index, member in enumerate(self.backbone.layers):
            member.trainable = index >= first
            if train_batch_norm and isinstance(member, keras.layers.BatchNormalization):
                member.momentum = min(member.momentum, _LEARNING_MOMENTUM)
        self.train_batch_norm = train_batch_norm

    def normalise_by_replica(self, is_local: bool) -> None:
        """Has batch norm learn from each replica's part of a batch by itself, or from the whole."""
        self.local_batch_norm = is_local
        for member in (*self.backbone.layers, *self.hidden.norms):
            if isinstance(member, keras.layers.BatchNormalization):
                member.synchronized = not is_local

    @property
    def learnt_statistics(self) -> list[keras.Variable]:
        """The batch-norm statistics that a forward pass of training changes."""
        members = [*self.hidden.norms]
        if self.train_batch_norm:
            members += [
                member
                for member in self.backbone.layers
                if isinstance(member, keras.layers.BatchNormalization)
            ]
        return [
            variable
            for member in members
            for variable in (member.moving_mean, member.moving_variance)
        ]

    def layer_index(self, layer: str) -> int:
        """Returns the index of a layer of the backbone, from its name or its index.

        Raises:
          UsageError: there is no such layer.
        """
        names = [member.name for member in self.backbone.layers]
        if layer in names:
            return names.index(layer)
        if layer.isdecimal() and int(layer) < len(names):
            return int(layer)
        raise exits.UsageError(
            f"--fine_tune_from must be a layer's name or an index from 0 to {len(names) - 1} of "
            f"{self.spec.name}. Received: {layer!r}. Its last layers: {', '.join(names[-3:])}."
        )

    def num_parameters(self) -> tuple[int, int]:
        """Returns (total, trainable) numbers of parameters."""
        return self.count_params(), sum(v.shape.num_elements() for v in self.trainable_variables)


def _first_weights_of_head(spec: ModelSpec) -> Any:
    """Where each class has a feature, it begins by speaking for that class, not for a random one.

    Weights as few as these would take a thousand steps to change their signs.
    """
    is_for_each_class = backbones.BACKBONES[spec.name].loss is not None
    if is_for_each_class and not spec.head_units and spec.num_logits > 1:
        return keras.initializers.Identity(gain=4)
    return "glorot_uniform"


def _seeds(rows: tf.Tensor, example_seeds: tf.Tensor | None) -> tf.Tensor:
    return tf.zeros(tf.shape(rows)[:1], tf.uint32) if example_seeds is None else example_seeds


def build(spec: ModelSpec, weights: str | None = None) -> Classifier:
    """Returns a model, its backbone with `weights="imagenet"` or freshly initialised.

    Raises:
      UsageError: the image is too small for the backbone.
    """
    entry = backbones.BACKBONES[spec.name]
    if spec.image_size < entry.min_size:
        raise exits.UsageError(
            f"--model={spec.name} cannot be made with --image_size={spec.image_size}: "
            f"its layers need {entry.min_size} px."
        )
    options: dict[str, Any] = {"input_shape": (spec.image_size, spec.image_size, 3)}
    if entry.pretrained:
        options |= {"include_top": False, "weights": weights}
    if entry.alphas:
        options["alpha"] = spec.alpha
    if entry.loss:
        options["num_classes"] = max(2, spec.num_logits)
    try:
        backbone = entry.build(**options)
    except ValueError as error:
        raise exits.UsageError(
            f"--model={spec.name} cannot be made with --image_size={spec.image_size}: {error}"
        ) from error
    return Classifier(spec, backbone)
