"""Where numbers stop being finite: the first layer, or the gradient, and the examples to blame."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from trainer.networks import models
from trainer.running import losses

NAMED_EXAMPLES = 5


def explain(
    classifier: models.Classifier,
    images: tf.Tensor,
    labels: tf.Tensor,
    image_ids: Sequence[str],
    positive: int,
    *,
    micro_batch: int,
) -> str:
    """Returns a sentence on what is not finite when a batch goes through a model and back.

    Args:
      classifier: with the weights of the step that failed.
      images: uint8 [batch, size, size, 3], augmented as in that step.
      labels: int64 [batch].
      image_ids: of the examples.
      positive: the index of the class that a single logit speaks of.
      micro_batch: how many examples memory suffices for.
    """
    for start in range(0, len(image_ids), micro_batch):
        rows = slice(start, start + micro_batch)
        found = _explain(classifier, images[rows], labels[rows], image_ids[rows], positive)
        if found:
            return found
    return "With the weights of now, all outputs and gradients of its images are finite."


def _explain(
    classifier: models.Classifier,
    images: tf.Tensor,
    labels: tf.Tensor,
    image_ids: Sequence[str],
    positive: int,
) -> str | None:
    name, outputs = _first_not_finite(classifier, images)
    if name is not None:
        return f"The first output that is not finite is that of {name}{_of(outputs, image_ids)}."
    with tf.GradientTape() as tape:
        logits = classifier(images, training=True)
        of_examples = losses.cross_entropy(labels, logits, positive)
        loss = tf.reduce_sum(of_examples)
    if not _is_finite(of_examples):
        return f"All outputs are finite, and the loss is not{_of(of_examples, image_ids)}."
    variables = classifier.trainable_variables
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    broken = [v.path for v, g in zip(variables, gradients, strict=True) if not _is_finite(g)]
    if broken:
        # The last one stands nearest to the loss, where the gradient begins.
        return f"All outputs are finite, and the gradient of {broken[-1]} is not."
    return None


def _first_not_finite(
    classifier: models.Classifier, images: tf.Tensor
) -> tuple[str | None, tf.Tensor]:
    backbone = classifier.backbone
    layers = [layer for layer in backbone.layers if not isinstance(layer, keras.layers.InputLayer)]
    probe = keras.Model(backbone.inputs, [layer.output for layer in layers])
    outputs = probe(classifier.backbone_inputs(images), training=classifier.train_batch_norm)
    for layer, output in zip(layers, outputs, strict=True):
        if not _is_finite(output):
            return f"layer {layer.name!r}", output
    logits = classifier(images, training=False)
    return (None, logits) if _is_finite(logits) else ("the head", logits)


def _is_finite(values: tf.Tensor) -> bool:
    return bool(np.isfinite(values).all())


def _of(values: tf.Tensor, image_ids: Sequence[str]) -> str:
    """Names the examples whose values are not finite; nothing where all are alike."""
    rows = np.isfinite(np.asarray(values)).reshape(len(image_ids), -1).all(axis=1)
    names = [ascii(image_id)[1:-1] for image_id, ok in zip(image_ids, rows, strict=True) if not ok]
    if len(names) == len(image_ids) > 1:
        return ", for every example"
    more = f" and {len(names) - NAMED_EXAMPLES} more" if len(names) > NAMED_EXAMPLES else ""
    return f", for {', '.join(names[:NAMED_EXAMPLES])}{more}"
