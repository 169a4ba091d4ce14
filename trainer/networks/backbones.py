"""The networks without their heads, by name, one line each."""

import dataclasses
from collections.abc import Callable

import keras
import tensorflow as tf

from trainer.networks import capsule, cnns, forensic

applications = keras.applications


def _as_they_are(pixels: tf.Tensor) -> tf.Tensor:
    """For networks that scale pixels in layers of their own."""
    return pixels


def contrast(pixels: tf.Tensor) -> tf.Tensor:
    """What pixels differ by from the mean of their neighbourhood, in units of eight grey levels.

    A deep network without batch norm follows what is bright and large, and learns nothing of faint
    traces for a long time. Local contrast: Jarrett et al. 2009, doi:10.1109/ICCV.2009.5459469.
    """
    padded = tf.pad(pixels, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="REFLECT")
    return (pixels - tf.nn.avg_pool2d(padded, ksize=3, strides=1, padding="VALID")) / 8


def _to_one(pixels: tf.Tensor) -> tf.Tensor:
    return pixels / 255


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A network without its head.

    Attributes:
      build: makes it of `input_shape`; of `include_top` and `weights`, too, where there are
        pretrained weights; and of `alpha` or `num_classes` where the attributes below say so.
      scale: from pixel values in [0, 255], float32, to what the weights were trained with.
      pretrained: whether `keras.applications` has ImageNet weights for it.
      alphas: the widths that have ImageNet weights; empty where the width cannot be chosen.
      min_size: of an image, in pixels; `keras.applications` checks its own.
      loss: of the features, added to that of the logits: from (labels, features) to float32
        [batch]. A network with one makes a feature for each class.
    """

    build: Callable[..., keras.Model]
    scale: Callable[[tf.Tensor], tf.Tensor]
    pretrained: bool = True
    alphas: tuple[float, ...] = ()
    min_size: int = 1
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None = None


# A new backbone is one line here.
BACKBONES = {
    "cnn": Backbone(cnns.four_blocks, _to_one, pretrained=False, min_size=16),
    "cnn_3_blocks": Backbone(cnns.three_blocks, _to_one, pretrained=False, min_size=22),
    "cnn_6_blocks": Backbone(cnns.six_blocks, _to_one, pretrained=False, min_size=64),
    "capsnet": Backbone(
        capsule.network, contrast, pretrained=False, min_size=25, loss=capsule.margin_loss
    ),
    "forensic": Backbone(forensic.network, _as_they_are, pretrained=False, min_size=16),
    "convnext_tiny": Backbone(applications.ConvNeXtTiny, _as_they_are),
    "densenet121": Backbone(applications.DenseNet121, applications.densenet.preprocess_input),
    "efficientnet_v2b0": Backbone(applications.EfficientNetV2B0, _as_they_are),
    "efficientnet_v2b1": Backbone(applications.EfficientNetV2B1, _as_they_are),
    "efficientnet_v2b2": Backbone(applications.EfficientNetV2B2, _as_they_are),
    "efficientnet_v2b3": Backbone(applications.EfficientNetV2B3, _as_they_are),
    "efficientnet_v2s": Backbone(applications.EfficientNetV2S, _as_they_are),
    "inception_resnet_v2": Backbone(
        applications.InceptionResNetV2, applications.inception_resnet_v2.preprocess_input
    ),
    "mobilenet_v2": Backbone(
        applications.MobileNetV2,
        applications.mobilenet_v2.preprocess_input,
        alphas=(0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
    ),
    "resnet50": Backbone(applications.ResNet50, applications.resnet.preprocess_input),
    "resnet50v2": Backbone(applications.ResNet50V2, applications.resnet_v2.preprocess_input),
    "vgg16": Backbone(applications.VGG16, applications.vgg16.preprocess_input),
    "xception": Backbone(applications.Xception, applications.xception.preprocess_input),
}
PRETRAINED = tuple(name for name, entry in BACKBONES.items() if entry.pretrained)
