"""One step of training, over a global batch, on any strategy.

`model.fit` is not used: under MirroredStrategy it checks, clips and scales each replica's gradient
before they are added up, so that the update depends on the number of replicas. Here a step has two
halves. The first computes gradients on every replica and touches no trainable weight, so that it
can be done again. The second stands above the replicas: one sum, one check that it is finite, one
clipping, one update.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from trainer import strategies
from trainer.capacity import out_of_memory
from trainer.networks import dropout, models
from trainer.running import loss_scale as loss_scales
from trainer.running import losses, updates

Batch = dict[str, tf.Tensor]
FEATURES = "features"  # of a frozen backbone, in place of the images


class OutOfMemory(Exception):  # noqa: N818 - what follows from it is for the caller to say
    """A device had no memory left for a micro-batch; nothing of the step has happened."""


class OutOfMemoryTogether(OutOfMemory):
    """It had none while workers normalised together: a process cannot begin that a second time."""


class TrainStep:
    """A training step of one phase: done whole, or not at all.

    Each replica works through its part of the batch in micro-batches, one after the other, and adds
    up their gradients. So the memory is that of a micro-batch, and the update is that of the global
    batch, however it was cut, to rounding. Only batch norm in training sees the cut: it normalises
    each micro-batch, over all replicas, by its own mean and variance. Its moving statistics move
    once a step, by the mean of what the micro-batches would have made of them.

    Args:
      strategy: where it runs.
      classifier: the model; made in the strategy's scope.
      update: of the weights, with the gradient of the global batch.
      augment: from (images, noise) to images, on the device.
      loss: of each example.
      global_batch_size: of all replicas together.
      loss_scale: for a model that reckons in float16.
      micro_batch: examples of a replica at a time; a divisor of its batch, by default the whole.
      fault: see `faults.Faults.in_micro_batch`.
      in_any_worker: tells whether something is so in any of the processes that train.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        classifier: models.Classifier,
        update: updates.Update,
        *,
        augment: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
        loss: losses.Loss,
        global_batch_size: int,
        micro_batch: int | None = None,
        loss_scale: loss_scales.LossScale | None = None,
        fault: Callable[[int], tf.Tensor] | None = None,
        in_any_worker: Callable[[bool], bool] = bool,
    ):
        self._strategy = strategy
        self._classifier = classifier
        self._update_weights = update
        self._augment = augment
        self._loss = loss
        self._global_batch_size = global_batch_size
        self._local_batch_size = global_batch_size // strategy.num_replicas_in_sync
        self._loss_scale = loss_scale
        self._fault = fault
        self._in_any_worker = in_any_worker
        self._variables = list(classifier.trainable_variables)
        self._statistics = [variable.value for variable in classifier.learnt_statistics]
        self._random_states = _random_states(classifier)
        self._totals: list[tf.Variable] = []
        # In all of these there is nothing for AutoGraph, and tracing takes a fifth longer with it.
        self._traced_snapshot = tf.function(self._snapshot, autograph=False)
        self._traced_put_back = tf.function(self._put_back, autograph=False)
        self._traced_apply = tf.function(self._apply, autograph=False)
        self._micro_batch = 0  # none yet
        self.micro_batch = micro_batch or self._local_batch_size

    @property
    def micro_batch(self) -> int:
        """The examples that a replica works on at a time; setting it means tracing again."""
        return self._micro_batch

    @micro_batch.setter
    def micro_batch(self, size: int) -> None:
        if size == self._micro_batch:
            return
        self._micro_batch = size
        if size < self._local_batch_size and not self._totals:
            with self._strategy.scope():
                self._totals = [_summed(v.shape) for v in self._variables]
                self._new_statistics = [of_each_replica(v.shape) for v in self._statistics]
                self._sums = _summed([2])
        self._traced_grads = tf.function(self._grads, autograph=False)

    def __call__(self, batch: Batch, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        """Trains on a global batch.

        Args:
          batch: distributed, as `input_pipeline.for_train` makes it; or with `features`, float16
            [batch, num_features], in place of `image` and `noise`.
          seed: int64 [2], another one for each step; the dropout follows from it.

        Returns:
          Scalars: `loss` (the mean), `accuracy`, `gradient_norm` (before clipping), `update_norm`,
          `weight_norm` (after it, of what is trainable) and `skipped`, which is 1 where the loss or
          the gradient was not finite and the weights were left alone. With a loss scale
          `loss_scale`, as it was, and `overflowed`, which is 1 where such a step was skipped
          because the scale was too large.

        Raises:
          OutOfMemory: the micro-batch is too large for some worker; the model is as it was.
        """
        statistics = self._traced_snapshot() if self._statistics else []
        failure = None
        try:
            gradients, sums = self._traced_grads(batch, seed, statistics)
        except tf.errors.OpError as error:
            if not out_of_memory.is_out_of_memory(error):
                raise
            if self._is_over_workers:
                raise OutOfMemoryTogether from error
            failure = error
        if self._in_any_worker(failure is not None):
            self._traced_put_back(statistics)
            raise OutOfMemory from failure
        return self._traced_apply(gradients, sums, statistics)

    @property
    def statistics(self) -> list[tf.Variable]:
        """What a step changes before its update: the statistics of batch norm."""
        return self._statistics

    def in_graph(self, batch: Batch, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        """Takes a step inside a graph; where memory runs out, `statistics` may have changed."""
        statistics = self._traced_snapshot() if self._statistics else []
        return self._traced_apply(*self._traced_grads(batch, seed, statistics), statistics)

    @property
    def _is_over_workers(self) -> bool:
        """Whether workers wait for each other in the middle of their forward passes."""
        is_tied = bool(self._statistics) and not self._classifier.local_batch_norm
        return is_tied and isinstance(self._strategy, tf.distribute.MultiWorkerMirroredStrategy)

    def _snapshot(self) -> Any:
        return self._strategy.run(lambda: [tf.identity(value) for value in self._statistics])

    def _put_back(self, statistics: Any) -> None:
        self._strategy.run(assign_all, args=(self._statistics, statistics))

    def _grads(self, batch: Batch, seed: tf.Tensor, statistics: Any) -> tuple[Any, Any]:
        """Returns per replica the gradient of the global mean loss, and the sums for the log."""
        count = self._local_batch_size // self._micro_batch
        if count == 1:
            return self._strategy.run(self._replica_grads, args=(batch, seed, 0))
        self._strategy.run(self._start_sums)

        def add(index: tf.Tensor) -> tuple[tf.Tensor]:
            self._strategy.run(self._add_micro_batch, args=(batch, seed, index, statistics))
            return (index + 1,)

        # The loop stands above the replicas: inside, synchronised batch norm would not work.
        tf.while_loop(lambda index: index < count, add, (tf.constant(0),), parallel_iterations=1)
        return self._strategy.run(self._end_sums, args=(count,))

    def _start_sums(self) -> None:
        for variable in (*self._totals, *self._new_statistics, self._sums):
            variable.assign(tf.zeros(variable.shape))

    def _add_micro_batch(
        self, batch: Batch, seed: tf.Tensor, index: tf.Tensor, statistics: list[tf.Tensor]
    ) -> None:
        rows = {name: self._rows(values, index) for name, values in batch.items()}
        gradients, sums = self._replica_grads(rows, seed, index)
        _add_all(self._totals, gradients)
        _add_all([self._sums], [sums])
        _add_all(self._new_statistics, self._statistics)
        assign_all(self._statistics, statistics)

    def _end_sums(self, count: int) -> tuple[list[tf.Tensor], tf.Tensor]:
        assign_all(self._statistics, [total / count for total in self._new_statistics])
        return [self._part(total) for total in self._totals], self._part(self._sums)

    def _part(self, total: tf.Variable) -> tf.Tensor:
        """Returns a replica's part of what was summed up, as the replicas' parts are yet to be."""
        if not strategies.have_one_copy(self._strategy):
            return tf.identity(total)
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        return tf.where(replica == 0, total, tf.zeros_like(total))

    def _rows(self, values: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
        start = index * self._micro_batch
        rows = values[start : start + self._micro_batch]
        return tf.ensure_shape(rows, [self._micro_batch, *values.shape[1:]])

    def _replica_grads(
        self, batch: Batch, seed: tf.Tensor, index: tf.Tensor | int
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        self._seed_layers(seed, index)
        example_seeds = dropout.seeds(seed, batch["position"])
        is_cached = FEATURES in batch
        images = None if is_cached else self._augment(batch["image"], batch["noise"])
        with tf.GradientTape() as tape:
            if is_cached:
                features = tf.cast(batch[FEATURES], tf.float32)
            else:
                features = self._classifier.features(images, True, example_seeds)
            logits = self._classifier.classify(features, True, example_seeds)
            of_examples = self._loss(
                batch, logits, lambda labels: self._classifier.feature_loss(labels, features)
            )
            loss = tf.reduce_sum(of_examples) / self._global_batch_size
            if self._fault is not None:
                loss *= self._fault(self._micro_batch)
            scale = 1.0 if self._loss_scale is None else self._loss_scale.value
            scaled = loss * scale
        # tf.GradientTape knows tf.Variables, and a keras.Variable only holds one.
        gradients = tape.gradient(scaled, [variable.value for variable in self._variables])
        if self._loss_scale is not None:
            gradients = [gradient / scale for gradient in gradients]
        correct = losses.is_correct(batch["label"], logits, self._loss.positive)
        return gradients, tf.stack([loss, tf.reduce_sum(tf.cast(correct, tf.float32))])

    def _seed_layers(self, seed: tf.Tensor, index: tf.Tensor | int) -> None:
        """Lets what the backbone's own layers draw follow from the step, replica and micro-batch.

        Keras counts on from draw to draw, with a state that no checkpoint holds.
        """
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        place = tf.cast(replica * self._local_batch_size + index * self._micro_batch, tf.int64)
        for layer, state in enumerate(self._random_states):
            of_layer = tf.stack([seed[0] + layer, seed[1] * self._global_batch_size + place])
            state.assign(tf.random.stateless_uniform([2], of_layer, 0, 1 << 31, state.dtype))

    def _apply(self, gradients: Any, sums: Any, statistics: Any) -> dict[str, tf.Tensor]:
        """Sums over the replicas and updates the weights, unless something is not finite."""
        variables = [variable.value for variable in self._variables]
        # An argument of a graph has forgotten its device, which the reduction asks for.
        gradients = self._strategy.run(
            lambda local: [tf.identity(gradient) for gradient in local], args=(gradients,)
        )
        summed = self._strategy.extended.batch_reduce_to(
            tf.distribute.ReduceOp.SUM, list(zip(gradients, variables, strict=True))
        )
        loss, correct = tf.unstack(self._strategy.reduce("SUM", sums, axis=None))
        local = [self._strategy.experimental_local_results(g)[0] for g in summed]
        norm = tf.linalg.global_norm(local)
        finite = tf.math.is_finite(norm) & tf.math.is_finite(loss)
        before = self._local_weights()
        skipped = tf.cond(finite, lambda: self._update(summed), lambda: self._skip(statistics))
        with tf.control_dependencies([skipped]):
            after = self._local_weights()
        changes = [new - old for new, old in zip(after, before, strict=True)]
        of_scale = {}
        if self._loss_scale is not None:
            of_scale["loss_scale"] = tf.identity(self._loss_scale.value)
            of_scale["overflowed"] = tf.cast(self._loss_scale.after(loss, finite), tf.float32)
        return {
            "loss": loss,
            "accuracy": correct / self._global_batch_size,
            "gradient_norm": norm,
            "update_norm": tf.linalg.global_norm(changes),
            "weight_norm": tf.linalg.global_norm(after),
            "skipped": skipped,
            **of_scale,
        }

    def _local_weights(self) -> list[tf.Tensor]:
        values = [variable.value for variable in self._variables]
        return [tf.identity(self._strategy.experimental_local_results(v)[0]) for v in values]

    def _update(self, gradients: list[Any]) -> float:
        if self._classifier.local_batch_norm and self._statistics:
            self._average_statistics()
        self._update_weights(gradients)
        return 0.0

    def _average_statistics(self) -> None:
        """Gives all replicas the mean of their statistics, of which each has learnt its own.

        It is done at each step, so that a run does not depend on when it was saved.
        """
        local = self._strategy.run(lambda: [tf.identity(value) for value in self._statistics])
        for variable, values in zip(self._statistics, local, strict=True):
            variable.assign(self._strategy.reduce("MEAN", values, axis=None))

    def _skip(self, statistics: Any) -> float:
        # The forward pass has put what is not finite into the statistics of batch norm already.
        self._put_back(statistics)
        return 1.0


def of_each_replica(
    shape: Any, aggregation: Any = tf.VariableAggregation.ONLY_FIRST_REPLICA
) -> tf.Variable:
    """Returns a variable of zeros of which each replica has its own."""
    return tf.Variable(
        tf.zeros(shape),
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=aggregation,
    )


def _summed(shape: Any) -> tf.Variable:
    return of_each_replica(shape, tf.VariableAggregation.SUM)


def assign_all(variables: list[tf.Variable], values: list[Any]) -> None:
    """Assigns to each variable its value; on a replica."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _add_all(totals: list[tf.Variable], values: list[tf.Tensor]) -> None:
    for total, value in zip(totals, values, strict=True):
        total.assign_add(value)


def _random_states(classifier: models.Classifier) -> list[tf.Variable]:
    """Returns the states of what the backbone's layers draw in training: stochastic depth."""
    if not classifier.train_batch_norm:
        return []
    weights = {id(variable) for variable in classifier.backbone.weights}
    return [v.value for v in classifier.backbone.variables if id(v) not in weights]
