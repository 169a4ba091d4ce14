"""The loss of an example: cross-entropy, of smooth labels, weighted classes and mixed images."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf


def cross_entropy(
    labels: tf.Tensor, logits: tf.Tensor, positive: int, label_smoothing: float = 0.0
) -> tf.Tensor:
    """Returns the cross-entropy of each example, float32 [batch].

    Args:
      labels: int64 [batch], class indices.
      logits: [batch, 1] for two classes, of the class `positive`; else [batch, num_classes].
      positive: the index of the class that a single logit speaks of.
      label_smoothing: the share of a label that is spread over all classes alike, in [0, 1):
        Szegedy et al. 2016, arXiv:1512.00567, 7.
    """
    if logits.shape[-1] == 1:
        is_positive = tf.cast(labels == positive, logits.dtype)
        targets = is_positive * (1 - label_smoothing) + label_smoothing / 2
        return tf.nn.sigmoid_cross_entropy_with_logits(targets, logits[:, 0])
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    if not label_smoothing:
        return losses
    of_all = -tf.reduce_mean(tf.nn.log_softmax(logits), axis=-1)
    return (1 - label_smoothing) * losses + label_smoothing * of_all


def is_correct(labels: tf.Tensor, logits: tf.Tensor, positive: int) -> tf.Tensor:
    """Tells for each example whether its class is the likeliest, bool [batch]."""
    if logits.shape[-1] == 1:
        return (logits[:, 0] > 0) == (labels == positive)
    return tf.argmax(logits, axis=-1) == labels


def balanced_weights(counts: Sequence[int]) -> tuple[float, ...]:
    """Returns a weight for each class that makes all count alike; of the examples the mean is 1.

    Args:
      counts: of the examples of each class, in the order of the indices. An absent class gets 0.
    """
    present = sum(count > 0 for count in counts)
    return tuple(sum(counts) / (present * count) if count else 0.0 for count in counts)


@dataclasses.dataclass(frozen=True)
class Loss:
    """What training makes small.

    Attributes:
      positive: the index of the class that a single logit speaks of.
      label_smoothing: see `cross_entropy`.
      class_weights: what the loss of an example is multiplied by, for each class; default: 1.
    """

    positive: int
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] | None = None

    def __call__(
        self,
        batch: Mapping[str, tf.Tensor],
        logits: tf.Tensor,
        further: Callable[[tf.Tensor], tf.Tensor | float] = lambda labels: 0.0,
    ) -> tf.Tensor:
        """Returns the loss of each example, float32 [batch].

        Args:
          batch: with `label`; with `partner_label` and `share`, too, where `mixup` mixed it.
          logits: see `cross_entropy`.
          further: what else labels cost, such as `models.Classifier.feature_loss`.
        """

        def of(labels: tf.Tensor) -> tf.Tensor:
            losses = cross_entropy(labels, logits, self.positive, self.label_smoothing)
            losses += further(labels)
            if self.class_weights is None:
                return losses
            return losses * tf.gather(tf.constant(self.class_weights, losses.dtype), labels)

        if "partner_label" not in batch:
            return of(batch["label"])
        share = batch["share"]
        return share * of(batch["label"]) + (1 - share) * of(batch["partner_label"])
