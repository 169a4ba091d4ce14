"""A batch through the model, some examples at a time: a large global batch takes no more memory."""

from typing import Any

import tensorflow as tf

from trainer.capacity import out_of_memory
from trainer.networks import models

# Of a replica, whatever the batch, so that memory is flat and the same logits come out.
EXAMPLES_AT_A_TIME = 64


class EvalStep:
    """Gives the logits of a batch.

    Where memory runs out, the batch is done again with half as many examples at a time, and those
    that follow are, too.

    Args:
      strategy: where it runs.
      classifier: the model; made in the strategy's scope.
      examples_at_a_time: of a replica, at first.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        classifier: models.Classifier,
        examples_at_a_time: int = EXAMPLES_AT_A_TIME,
    ):
        self._strategy = strategy
        self._classifier = classifier
        self._trace(examples_at_a_time)

    def __call__(self, batch: dict[str, Any]) -> Any:
        """Returns the logits of each replica, float32 [examples, logits].

        Args:
          batch: distributed; its `image` is uint8 [examples, size, size, 3] on a replica.
        """
        while True:
            try:
                return self._traced(batch)
            except tf.errors.OpError as error:
                if not out_of_memory.is_out_of_memory(error) or self.examples_at_a_time == 1:
                    raise
                self._trace(self.examples_at_a_time // 2)

    def _trace(self, examples_at_a_time: int) -> None:
        self.examples_at_a_time = examples_at_a_time
        self._traced = tf.function(
            lambda batch: self._strategy.run(self._logits, args=(batch["image"],)), autograph=False
        )

    def _logits(self, images: tf.Tensor) -> tf.Tensor:
        count = images.shape[0]
        if count <= self.examples_at_a_time:
            return self._predict(images)
        num_pieces = -(-count // self.examples_at_a_time)
        size = -(-count // num_pieces)  # pieces as even as they can be
        padded = tf.pad(images, [[0, num_pieces * size - count], [0, 0], [0, 0], [0, 0]])
        logits = tf.map_fn(
            self._predict,
            tf.reshape(padded, [num_pieces, size, *images.shape[1:]]),
            parallel_iterations=1,
            fn_output_signature=tf.TensorSpec([size, self._classifier.spec.num_logits], tf.float32),
        )
        return tf.reshape(logits, [num_pieces * size, -1])[:count]

    def _predict(self, images: tf.Tensor) -> tf.Tensor:
        return self._classifier(images, training=False)
