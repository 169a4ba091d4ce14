"""The models by name: a backbone, its own scaling, and the head that classifies.

Preprocessing is part of the model: it takes uint8 RGB, so that training, evaluation and prediction
cannot disagree about it.
"""

import dataclasses
from collections.abc import Callable

import keras
import tensorflow as tf

from tfrecords import exits

applications = keras.applications


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A network without its head.

    Attributes:
      build: makes it; takes `include_top`, `weights`, `input_shape` as `keras.applications` do.
      scale: from pixel values in [0, 255], float32, to what the weights were trained with.
      has_alpha: whether the width can be chosen by `alpha`.
    """

    build: Callable[..., keras.Model]
    scale: Callable[[tf.Tensor], tf.Tensor]
    has_alpha: bool = False


# A new backbone is one line here.
BACKBONES = {
    "densenet121": Backbone(applications.DenseNet121, applications.densenet.preprocess_input),
    "efficientnet_v2b0": Backbone(applications.EfficientNetV2B0, lambda pixels: pixels),
    "inception_resnet_v2": Backbone(
        applications.InceptionResNetV2, applications.inception_resnet_v2.preprocess_input
    ),
    "mobilenet_v2": Backbone(
        applications.MobileNetV2, applications.mobilenet_v2.preprocess_input, has_alpha=True
    ),
    "resnet50": Backbone(applications.ResNet50, applications.resnet.preprocess_input),
    "resnet50v2": Backbone(applications.ResNet50V2, applications.resnet_v2.preprocess_input),
    "vgg16": Backbone(applications.VGG16, applications.vgg16.preprocess_input),
    "xception": Backbone(applications.Xception, applications.xception.preprocess_input),
}
CNN = "cnn"
CNN_MIN_SIZE = 16  # pixels, of which the last pooling leaves one
NAMES = (CNN, *BACKBONES)


@dataclasses.dataclass(frozen=True)
class ModelSpec:
    """All that determines a model's architecture; a bundle stores it.

    Attributes:
      name: one of `NAMES`.
      image_size: height and width of the images, in pixels.
      num_logits: 1 for two classes, else one per class.
      alpha: the width of a MobileNet.
      dropout: the share of features dropped before the last layer, in training.
    """

    name: str
    image_size: int
    num_logits: int
    alpha: float = 1.0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.name != CNN and self.name not in BACKBONES:
            raise exits.UsageError(
                f"--model must be one of {', '.join(NAMES)}. Received: {self.name!r}."
            )
        if self.alpha != 1 and not (self.name in BACKBONES and BACKBONES[self.name].has_alpha):
            raise exits.UsageError(
                f"--alpha is for mobilenet_v2. Received: --alpha={self.alpha} --model={self.name}."
            )


class Classifier(keras.Model):
    """uint8 RGB images [batch, size, size, 3] -> float32 logits [batch, num_logits].

    Global average pooling, dropout and one dense layer stand on a backbone. Dropout is given from
    outside as uniform numbers: drawn for the global batch, they are the same for each example on
    any number of replicas, which the masks of `keras.layers.Dropout` are not.
    """

    def __init__(self, spec: ModelSpec, backbone: keras.Model, scale: Callable):
        super().__init__(name="classifier")
        self.spec = spec
        self.backbone = backbone
        self.train_batch_norm = False
        self.head = keras.layers.Dense(spec.num_logits, dtype="float32", name="head")
        self._scale = scale
        self.head.build((None, self.num_features))
        self.built = True

    @property
    def num_features(self) -> int:
        """The number of features that the head sees."""
        return int(self.backbone.output.shape[-1])

    def backbone_inputs(self, images: tf.Tensor) -> tf.Tensor:
        """Returns what the backbone takes, of uint8 images: scaled pixels, float32."""
        return self._scale(tf.cast(images, tf.float32))

    def features(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns pooled features, float32 [batch, num_features], of uint8 images."""
        pixels = self.backbone_inputs(images)
        maps = self.backbone(pixels, training=training and self.train_batch_norm)
        return tf.reduce_mean(maps, axis=[1, 2])

    def call(
        self,
        images: tf.Tensor,
        training: bool = False,
        dropout_noise: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns the logits.

        Args:
          images: uint8 [batch, size, size, 3].
          training: whether batch norm and dropout are those of training.
          dropout_noise: uniform in [0, 1), float32 [batch, num_features]; a feature is dropped
            where it lies below the rate.
        """
        features = self.features(images, training)
        if training and dropout_noise is not None:
            kept = tf.cast(dropout_noise >= self.spec.dropout, features.dtype)
            features = features * kept / (1 - self.spec.dropout)
        return self.head(features)

    def freeze_backbone(self) -> None:
        """Leaves the head alone trainable; the backbone's batch norm uses its statistics."""
        self.backbone.trainable = False
        self.train_batch_norm = False

    def unfreeze_from(self, layer: str, *, train_batch_norm: bool) -> None:
        """Makes the backbone trainable from a layer on.

        Args:
          layer: the name or the index of the first layer to train; `0` trains all.
          train_batch_norm: whether batch norm updates its statistics, averaged over replicas.

        Raises:
          UsageError: there is no such layer.
        """
        first = self.layer_index(layer)
        self.backbone.trainable = True
        for index, member in enumerate(self.backbone.layers):
            member.trainable = index >= first
            if isinstance(member, keras.layers.BatchNormalization):
                member.synchronized = True
        self.train_batch_norm = train_batch_norm

    @property
    def learnt_statistics(self) -> list[keras.Variable]:
        """The batch-norm statistics that a forward pass of training changes."""
        if not self.train_batch_norm:
            return []
        return [
            variable
            for member in self.backbone.layers
            if isinstance(member, keras.layers.BatchNormalization)
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


def build(spec: ModelSpec, weights: str | None = None) -> Classifier:
    """Returns a model, its backbone with `weights="imagenet"` or freshly initialised.

    Raises:
      UsageError: the image is too small for the backbone.
    """
    shape = (spec.image_size, spec.image_size, 3)
    if spec.name == CNN:
        if spec.image_size < CNN_MIN_SIZE:
            raise exits.UsageError(
                f"--model=cnn cannot be made with --image_size={spec.image_size}: "
                f"its four poolings need {CNN_MIN_SIZE} px."
            )
        return Classifier(spec, _cnn(shape), lambda pixels: pixels / 255)
    entry = BACKBONES[spec.name]
    options = {"alpha": spec.alpha} if entry.has_alpha else {}
    try:
        backbone = entry.build(include_top=False, weights=weights, input_shape=shape, **options)
    except ValueError as error:
        raise exits.UsageError(
            f"--model={spec.name} cannot be made with --image_size={spec.image_size}: {error}"
        ) from error
    return Classifier(spec, backbone, entry.scale)


def _cnn(shape: tuple[int, int, int]) -> keras.Model:
    """Four blocks of convolution, synchronised batch norm and pooling; 98 thousand parameters."""
    layers = keras.layers
    inputs = features = keras.Input(shape)
    for filters in (16, 32, 64, 128):
        features = layers.Conv2D(filters, 3, padding="same", use_bias=False)(features)
        # Synchronised, so that statistics do not depend on the number of replicas.
        # The momentum lets the statistics follow within an epoch of fifty steps.
        features = layers.BatchNormalization(momentum=0.75, synchronized=True)(features)
        features = layers.ReLU()(features)
        features = layers.MaxPooling2D()(features)
    return keras.Model(inputs, features, name=CNN)
