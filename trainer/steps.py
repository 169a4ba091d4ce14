"""One step of training and one of evaluation, over a global batch, on any strategy.

`model.fit` is not used: under MirroredStrategy it checks, clips and scales each replica's gradient
before they are added up, so that the update depends on the number of replicas. Here a step has two
halves. `grads` runs on every replica and touches no trainable weight. `apply` stands above the
replicas: one sum, one check that it is finite, one clipping, one update.
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from trainer import models

Batch = dict[str, tf.Tensor]


def loss_per_example(labels: tf.Tensor, logits: tf.Tensor, positive: int) -> tf.Tensor:
    """Returns the cross-entropy of each example, float32 [batch].

    Args:
      labels: int64 [batch], class indices.
      logits: [batch, 1] for two classes, of the class `positive`; else [batch, num_classes].
      positive: the index of the class that a single logit speaks of.
    """
    if logits.shape[-1] == 1:
        is_positive = tf.cast(labels == positive, logits.dtype)
        return tf.nn.sigmoid_cross_entropy_with_logits(is_positive, logits[:, 0])
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def is_correct(labels: tf.Tensor, logits: tf.Tensor, positive: int) -> tf.Tensor:
    """Tells for each example whether its class is the likeliest, bool [batch]."""
    if logits.shape[-1] == 1:
        return (logits[:, 0] > 0) == (labels == positive)
    return tf.argmax(logits, axis=-1) == labels


class TrainStep:
    """A training step of one phase, traced once.

    Args:
      strategy: where it runs.
      classifier: the model; made in the strategy's scope.
      optimizer: built, in the strategy's scope. It gets the summed gradient, so that what it clips
        is the gradient of the global batch.
      augment: from (images, noise) to images, on the device.
      positive: the index of the class that a single logit speaks of.
      global_batch_size: of all replicas together.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        classifier: models.Classifier,
        optimizer: keras.optimizers.Optimizer,
        *,
        augment: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
        positive: int,
        global_batch_size: int,
    ):
        self._strategy = strategy
        self._classifier = classifier
        self._optimizer = optimizer
        self._augment = augment
        self._positive = positive
        self._global_batch_size = global_batch_size
        self._variables = list(classifier.trainable_variables)
        self._statistics = classifier.learnt_statistics
        self._traced = tf.function(self._step)

    def __call__(self, batch: Batch, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        """Trains on a global batch.

        Args:
          batch: distributed, as `input_pipeline.for_train` makes it.
          seed: int64 [2], another one for each step; the dropout follows from it.

        Returns:
          Scalars: `loss` (the mean), `accuracy`, `gradient_norm` (before clipping) and `skipped`,
          which is 1 where the loss or the gradient was not finite and the weights were left alone.
        """
        return self._traced(batch, seed)

    def _step(self, batch: Batch, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        statistics = [tf.identity(variable.value) for variable in self._statistics]
        gradients, sums = self.grads(batch, seed)
        metrics = self.apply(gradients, sums)
        # The forward pass has put what is not finite into the statistics of batch norm already.
        tf.cond(metrics["skipped"] > 0, lambda: self._put_back(statistics), lambda: 0.0)
        return metrics

    def grads(self, batch: Batch, seed: tf.Tensor) -> tuple[Any, Any]:
        """Returns per replica the gradient of the global mean loss, and the sums for the log."""
        return self._strategy.run(self._replica_grads, args=(batch, seed))

    def _replica_grads(self, batch: Batch, seed: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
        images = self._augment(batch["image"], batch["noise"])
        with tf.GradientTape() as tape:
            logits = self._classifier(
                images, training=True, dropout_noise=self._dropout_noise(batch["position"], seed)
            )
            losses = loss_per_example(batch["label"], logits, self._positive)
            loss = tf.reduce_sum(losses) / self._global_batch_size
        # tf.GradientTape knows tf.Variables, and a keras.Variable only holds one.
        gradients = tape.gradient(loss, [variable.value for variable in self._variables])
        correct = is_correct(batch["label"], logits, self._positive)
        return gradients, tf.stack([loss, tf.reduce_sum(tf.cast(correct, tf.float32))])

    def _dropout_noise(self, positions: tf.Tensor, seed: tf.Tensor) -> tf.Tensor | None:
        """Each replica draws for the whole global batch and takes the rows of its own examples."""
        if not self._classifier.spec.dropout:
            return None
        shape = [self._global_batch_size, self._classifier.num_features]
        noise = tf.random.stateless_uniform(shape, seed, alg="philox")
        return tf.gather(noise, positions % self._global_batch_size)

    def apply(self, gradients: Any, sums: Any) -> dict[str, tf.Tensor]:
        """Sums over the replicas and updates the weights, unless something is not finite."""
        variables = [variable.value for variable in self._variables]
        summed = self._strategy.extended.batch_reduce_to(
            tf.distribute.ReduceOp.SUM, list(zip(gradients, variables, strict=True))
        )
        loss, correct = tf.unstack(self._strategy.reduce("SUM", sums, axis=None))
        local = [self._strategy.experimental_local_results(g)[0] for g in summed]
        norm = tf.linalg.global_norm(local)
        finite = tf.math.is_finite(norm) & tf.math.is_finite(loss)
        skipped = tf.cond(finite, lambda: self._update(summed), lambda: 1.0)
        return {
            "loss": loss,
            "accuracy": correct / self._global_batch_size,
            "gradient_norm": norm,
            "skipped": skipped,
        }

    def _update(self, gradients: list[Any]) -> float:
        self._optimizer.apply(gradients, self._variables)
        return 0.0

    def _put_back(self, statistics: list[tf.Tensor]) -> float:
        for variable, value in zip(self._statistics, statistics, strict=True):
            variable.assign(value)
        return 0.0


def make_eval_step(
    strategy: tf.distribute.Strategy, classifier: models.Classifier
) -> Callable[[Batch], Any]:
    """Returns a function from a distributed batch to the logits of each replica, float32."""

    @tf.function
    def eval_step(batch: Batch) -> Any:
        return strategy.run(lambda local: classifier(local["image"], training=False), args=(batch,))

    return eval_step
