"""A network in parts whose activations are forgotten, and computed again for their gradients.

Rematerialisation, also called gradient checkpointing: Chen et al. 2016, "Training Deep Nets with
Sublinear Memory Cost" (arXiv:1604.06174). `keras.RematScope` fails on `keras.applications`, and
`tf.recompute_grad` makes a copy of all that a part reads, weights included.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


class Parts:
    """A functional network that is called in parts, one after the other.

    The numbers are those of the network, on a CPU to the bit. What changes in training, such as the
    statistics of batch norm, changes once: what is computed again reads what was there before.

    Attributes:
      cuts: the `id` of each.

    Args:
      network: whose first input runs through it; others go to all parts that read them.
      cuts: tensors of it, from each of which all that follows can be computed. What lies between
        two of them is forgotten; what lies before the first and behind the last is not.
    """

    def __init__(self, network: keras.Model, cuts: Sequence[keras.KerasTensor]):
        self.cuts = tuple(map(id, cuts))
        ends = itertools.pairwise([network.inputs[0], *cuts, network.output])
        self._parts = [
            (keras.Model([start, *network.inputs[1:]], end), 0 < number < len(cuts))
            for number, (start, end) in enumerate(ends)
            if start is not end
        ]

    def __call__(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Returns what the network makes of its inputs."""
        maps, *others = keras.tree.flatten(inputs)
        for part, is_forgotten in self._parts:
            call = _forgetting if is_forgotten else _plainly
            maps = call(part, maps, others, training)
        return maps


def _plainly(
    part: keras.Model, maps: tf.Tensor, others: list[tf.Tensor], training: bool
) -> tf.Tensor:
    return part([maps, *others], training=training)


def _forgetting(
    part: keras.Model, maps: tf.Tensor, others: list[tf.Tensor], training: bool
) -> tf.Tensor:
    """Calls a part, of which the backward pass then finds nothing but what came in."""
    # As a function of tensors it can be called twice, also where each replica has its variables.
    weights, state = _values(part.trainable_variables), part.non_trainable_variables
    changed: list[int] = []

    @tf.custom_gradient
    def call(*values: tf.Tensor) -> Any:
        # So that a tape that is open sees, and keeps, nothing of what happens here.
        maps, *read = map(tf.stop_gradient, values)
        trained, before = read[: len(weights)], read[len(weights) :]
        made, after = part.stateless_call(trained, before, [maps, *others], training=training)
        pairs = zip(before, after, strict=True)
        changed[:] = [index for index, (old, new) in enumerate(pairs) if new is not old]

        def gradient(upstream: tf.Tensor, *_: Any) -> list[tf.Tensor | None]:
            # Without it TensorFlow finds that this is computed already, and keeps it.
            with tf.control_dependencies([upstream]):
                again = tf.identity(maps)
            with tf.GradientTape() as tape:
                tape.watch([again, *trained])
                remade, _ = part.stateless_call(
                    trained, before, [again, *others], training=training
                )
            gradients = tape.gradient(remade, [again, *trained], upstream)
            return [*gradients, *[None] * len(before)]

        return [made, *(after[index] for index in changed)], gradient

    made, *news = call(maps, *weights, *_values(state))
    for index, new in zip(changed, news, strict=True):
        state[index].assign(new)
    return made


def _values(variables: list[keras.Variable]) -> list[tf.Tensor]:
    return [tf.convert_to_tensor(variable.value) for variable in variables]
