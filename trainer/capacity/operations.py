"""A Keras model as a graph of operations, for the estimate of its memory."""

import math
from typing import Any

import keras
import tensorflow as tf

from trainer.capacity import memory
from trainer.networks import models

_FLOAT = 4  # bytes
_LAYERS = keras.layers
_NEED_NOTHING = (
    _LAYERS.AveragePooling2D,
    _LAYERS.Concatenate,
    _LAYERS.Cropping2D,
    _LAYERS.Flatten,
    _LAYERS.GlobalAveragePooling2D,
    _LAYERS.Normalization,
    _LAYERS.Rescaling,
    _LAYERS.Reshape,
    _LAYERS.ZeroPadding2D,
)
# What Keras does not export: the layer, and what `+` makes of two tensors; and the sum of one and a
# fixed multiple of another, in InceptionResNetV2.
_SUMS = ("Add", "CustomScaleLayer")
_NEED_INPUT_FOR_WEIGHTS = (_LAYERS.Conv2D, _LAYERS.Dense, _LAYERS.DepthwiseConv2D)
# Their gradients are computed from what came out, so that they may overwrite what went in.
_FROM_OUTPUT = ("relu", "relu6", "sigmoid", "softmax", "tanh")


def of_classifier(classifier: models.Classifier) -> list[memory.Operation]:
    """Returns the operations of a classifier as it trains now; the head counts as one."""
    found = _Graph(classifier.train_batch_norm)
    backbone = classifier.backbone
    for operation in backbone.operations:
        found.add_node(operation)
    maps = _names(backbone.output)
    num_bytes = _float32_bytes(backbone.output)  # whatever the backbone reckons in
    found.add(maps, found.new(), num_bytes, True, for_weights=maps, for_inputs=maps)
    return found.operations


def places_to_cut(classifier: models.Classifier) -> dict[int, keras.KerasTensor]:
    """Returns by their numbers the tensors between the nodes of the backbone, and its images."""
    backbone = classifier.backbone
    between = [_made(node) for node in backbone.operations]
    others = _names(backbone.inputs[1:])
    return {id(one): one for one in keras.tree.flatten(between) if id(one) not in others}


def of_head(classifier: models.Classifier) -> list[memory.Operation]:
    """Returns the operations of a head that trains on features, cached in float16."""
    cached, features, output = range(3)
    num_bytes = _FLOAT * classifier.num_features
    made = _FLOAT * (sum(classifier.spec.head_units) + classifier.spec.num_logits)
    return [
        memory.Operation((), cached, num_bytes // 2),
        memory.Operation((cached,), features, num_bytes),
        # Dropout makes features anew; what each dense layer makes stands there with its gradient.
        memory.Operation(
            (features,), output, num_bytes + 2 * made, True, (features, output), (features, output)
        ),
    ]


class _Graph:
    """The operations so far."""

    def __init__(self, train_batch_norm: bool):
        self.operations: list[memory.Operation] = []
        self._train_batch_norm = train_batch_norm
        self._next = -1

    def new(self) -> int:
        """Returns a number for a tensor between two layers' own."""
        self._next -= 1
        return self._next

    def add(
        self,
        inputs: tuple[int, ...],
        output: int,
        num_bytes: int,
        trains: bool = False,
        **options: Any,
    ) -> tuple[int, ...]:
        """Adds an operation; returns its output, as the inputs of the next one."""
        self.operations.append(memory.Operation(inputs, output, num_bytes, trains, **options))
        return (output,)

    def add_node(self, node: keras.Operation) -> None:
        """Adds a node of the network: a layer, several of them, or a sum of tensors."""
        (output,) = _names(_made(node))[:1]
        inputs = () if isinstance(node, _LAYERS.InputLayer) else _names(_read(node))
        if not isinstance(node, keras.Sequential):
            self._add_layer(node, inputs, output)
            return
        for layer in node.layers:
            between = output if layer is node.layers[-1] else self.new()
            self._add_layer(layer, inputs, between)
            inputs = (between,)

    def _add_layer(self, layer: keras.Operation, inputs: tuple[int, ...], output: int) -> None:
        """Adds a layer, which may be more than one operation."""
        num_bytes = _bytes(layer.output)
        if isinstance(layer, _LAYERS.InputLayer):
            # The images, scaled to float32; beside them stand the same as they came.
            self.add((), output, num_bytes, workspace=num_bytes)
            return
        activation = _activation(layer)
        if isinstance(layer, (_LAYERS.Activation, _LAYERS.ReLU)):
            self._activate(activation, inputs, output, num_bytes)
        elif activation in (None, "linear"):
            self._body(layer, inputs, output)
        else:
            before = self.new()
            self._body(layer, inputs, before)
            self._activate(activation, (before,), output, num_bytes)

    def _body(self, layer: keras.Operation, inputs: tuple[int, ...], output: int) -> None:
        """Adds what a layer does before its activation."""
        num_bytes = _bytes(layer.output)
        trains = isinstance(layer, keras.Layer) and bool(layer.trainable_variables)
        is_sum = type(layer).__name__ in _SUMS
        if isinstance(layer, _LAYERS.BatchNormalization):
            self._batch_norm(layer, inputs, output)
        elif isinstance(layer, _LAYERS.LayerNormalization):
            self._layer_norm(layer, inputs, output)
        elif isinstance(layer, _LAYERS.SeparableConv2D):
            copy = _bytes(layer.input)
            between = num_bytes // layer.filters * layer.input.shape[-1] * layer.depth_multiplier
            inputs = self.add(
                inputs, self.new(), between, trains, for_weights=inputs, gradient_workspace=copy
            )
            self.add(inputs, output, num_bytes, trains, for_weights=inputs)
        elif isinstance(layer, _NEED_INPUT_FOR_WEIGHTS):
            forward, backward = _workspaces(layer)
            is_grouped = getattr(layer, "groups", 1) > 1
            self.add(
                inputs,
                output,
                num_bytes,
                trains,
                for_weights=inputs,
                workspace=forward,
                gradient_workspace=backward,
                is_compiled=is_grouped,
            )
        elif isinstance(layer, _LAYERS.Dropout) and not self._train_batch_norm:
            self.add(inputs, output, num_bytes, in_place=True)
        elif isinstance(layer, _NEED_NOTHING) or is_sum:
            self.add(inputs, output, num_bytes, trains, in_place=is_sum)
        else:
            # Poolings, products, and what is not known: all that it reads and makes is kept.
            kept = (*inputs, output)
            self.add(inputs, output, num_bytes, trains, for_weights=kept, for_inputs=kept)

    def _batch_norm(self, layer: keras.Layer, inputs: tuple[int, ...], output: int) -> None:
        num_bytes, single = _bytes(layer.output), _float32_bytes(layer.output)
        trains = bool(layer.trainable_variables)
        inputs = self._in_float32(layer, inputs)
        learns = layer.trainable and self._train_batch_norm
        # The product of inputs and gradient, whose sum is the gradient of the scale. Where there is
        # none, and the statistics stay, the gradients are those of adding and multiplying by what
        # is fixed: they need nothing, and all is done in one place.
        scales = trains and layer.scale
        product = single if scales else 0
        if learns:  # the mean of squares, and its gradient, pass over squares of the inputs
            forward, backward = single, single + product
        else:
            # The product is there before the gradient of the inputs, in the same place.
            forward, backward = num_bytes if num_bytes < single else 0, 0
        self.add(
            inputs,
            output,
            num_bytes,
            trains,
            for_weights=inputs if scales else (),
            for_inputs=inputs if learns else (),
            in_place=not (scales or learns or forward),
            workspace=forward,
            gradient_workspace=backward,
        )

    def _layer_norm(self, layer: keras.Layer, inputs: tuple[int, ...], output: int) -> None:
        single, trains = _float32_bytes(layer.output), bool(layer.trainable_variables)
        inputs = self._in_float32(layer, inputs)
        # Keras makes a factor for each number, which the gradient needs beside the number itself.
        factor = self.add(inputs, self.new(), single, trains, for_weights=inputs, for_inputs=inputs)
        both = (*inputs, *factor)
        self.add(
            both,
            output,
            _bytes(layer.output),
            for_inputs=both,
            workspace=single,
            gradient_workspace=single,
        )

    def _in_float32(self, layer: keras.Layer, inputs: tuple[int, ...]) -> tuple[int, ...]:
        """Adds the copy that a normalisation makes of half-precision inputs, as it reckons."""
        num_bytes = _float32_bytes(layer.input)
        if num_bytes == _bytes(layer.input):
            return inputs
        return self.add(inputs, self.new(), num_bytes)

    def _activate(
        self, activation: str | None, inputs: tuple[int, ...], output: int, num_bytes: int
    ) -> None:
        if activation == "linear":
            self.add(inputs, output, num_bytes, in_place=True)
            return
        if activation in _FROM_OUTPUT:
            self.add(inputs, output, num_bytes, for_inputs=(output,), in_place=True)
            return
        if activation == "gelu":
            # A half of the inputs, what the error function is of, and one more than it is.
            between = self.add(inputs, self.new(), 3 * num_bytes, for_inputs=inputs)
            inputs = (*inputs, *between)
        self.add(
            inputs,
            output,
            num_bytes,
            for_inputs=inputs,
            gradient_workspace=num_bytes,
        )


def _workspaces(layer: keras.Layer) -> tuple[int, int]:
    """Returns the bytes that a convolution takes for an example, and those that its gradient does.

    Measured on CPUs. Products of matrices take none, and neither do depthwise convolutions.
    """
    kernel = math.prod(getattr(layer, "kernel_size", ()))
    if getattr(layer, "groups", 1) > 1:
        # Compiled by XLA, which gathers the window of each number that it makes.
        gathered = kernel * _bytes(layer.output)
        return gathered, gathered
    if kernel == 1 or isinstance(layer, _LAYERS.DepthwiseConv2D):
        return 0, 0
    # Its gradient puts what came in, and the gradient of what came out, into another order.
    return 0, _bytes(layer.input) + _bytes(layer.output)


def _activation(layer: keras.Operation) -> str | None:
    if isinstance(layer, _LAYERS.ReLU):
        return "relu"
    return getattr(getattr(layer, "activation", None), "__name__", None)


def _read(node: keras.Operation) -> Any:
    """Returns the tensors that a node reads; a network's own `input` is the one within it."""
    return keras.Operation.input.fget(node)


def _made(node: keras.Operation) -> Any:
    """Returns the tensors that a node makes."""
    return keras.Operation.output.fget(node)


def _names(tensors: object) -> tuple[int, ...]:
    return tuple(id(tensor) for tensor in keras.tree.flatten(tensors))


def _bytes(tensors: object) -> int:
    """Returns the bytes of the tensors of one example, in the precision that they have."""
    flat = keras.tree.flatten(tensors)
    return sum(tf.as_dtype(one.dtype).size * math.prod(one.shape[1:]) for one in flat)


def _float32_bytes(tensors: object) -> int:
    """Returns the same, were they float32."""
    return sum(_FLOAT * math.prod(one.shape[1:]) for one in keras.tree.flatten(tensors))
