"""A Keras model as a graph of operations, for the estimate of its memory."""

import math

import keras

from trainer.capacity import memory
from trainer.networks import models

_FLOAT = 4  # bytes
_LAYERS = keras.layers
_NEED_NOTHING = (
    _LAYERS.Add,
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
_NEED_INPUT_FOR_WEIGHTS = (_LAYERS.Conv2D, _LAYERS.Dense, _LAYERS.DepthwiseConv2D)
# Their gradients are computed from what came out, so that they may overwrite what went in.
_FROM_OUTPUT = ("relu", "relu6", "sigmoid", "softmax", "tanh")


def of_classifier(classifier: models.Classifier) -> list[memory.Operation]:
    """Returns the operations of a classifier as it trains now; the head counts as one."""
    found = _Graph(classifier.train_batch_norm)
    backbone = classifier.backbone
    for layer in backbone.layers:
        found.add_layer(layer)
    features = _numbers(backbone.output)
    found.add(backbone.output, found.new(), _FLOAT * features, trains=True, keeps_inputs=True)
    return found.operations


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
        inputs: object,
        output: int,
        num_bytes: int,
        *,
        trains: bool = False,
        keeps_inputs: bool = False,
    ) -> None:
        """Adds an operation whose weights and inputs both need what came in."""
        names = tuple(id(tensor) for tensor in keras.tree.flatten(inputs))
        needed = names if keeps_inputs else ()
        self.operations.append(
            memory.Operation(
                names, output, num_bytes, trains, for_weights=needed, for_inputs=needed
            )
        )

    def add_layer(self, layer: keras.Layer) -> None:
        """Adds a layer, which may be more than one operation."""
        output = id(keras.tree.flatten(layer.output)[0])
        num_bytes = sum(_FLOAT * _numbers(tensor) for tensor in keras.tree.flatten(layer.output))
        if isinstance(layer, _LAYERS.InputLayer):
            # The images, scaled to float32; beside them stand the same as they came.
            self.operations.append(memory.Operation((), output, num_bytes, workspace=num_bytes))
            return
        inputs = tuple(id(tensor) for tensor in keras.tree.flatten(layer.input))
        trains = bool(layer.trainable_variables)
        if isinstance(layer, _LAYERS.SeparableConv2D):
            inputs = self._depthwise_half(layer, inputs, num_bytes, trains)
        activation = _activation(layer)
        alone = isinstance(layer, (_LAYERS.Activation, _LAYERS.ReLU))
        before = output if alone or activation in (None, "linear") else self.new()
        if not alone:
            self.operations.append(self._body(layer, inputs, before, num_bytes, trains))
            inputs = (before,)
        if activation not in (None, "linear"):
            self.operations.append(_activate(activation, inputs, output, num_bytes))

    def _depthwise_half(
        self, layer: keras.Layer, inputs: tuple[int, ...], num_bytes: int, trains: bool
    ) -> tuple[int, ...]:
        between = self.new()
        size = num_bytes // layer.filters * layer.input.shape[-1] * layer.depth_multiplier
        self.operations.append(memory.Operation(inputs, between, size, trains, for_weights=inputs))
        return (between,)

    def _body(
        self,
        layer: keras.Layer,
        inputs: tuple[int, ...],
        output: int,
        num_bytes: int,
        trains: bool,
    ) -> memory.Operation:
        if isinstance(layer, _LAYERS.BatchNormalization):
            if self._train_batch_norm:
                # The mean of squares, and its gradient, pass over squares of the inputs.
                return memory.Operation(
                    inputs, output, num_bytes, trains, inputs, inputs, workspace=num_bytes
                )
            return memory.Operation(inputs, output, num_bytes, trains, for_weights=inputs)
        if isinstance(layer, _NEED_INPUT_FOR_WEIGHTS):
            # A depthwise convolution gathers a copy of its inputs, on the CPU at least.
            copy = num_bytes if isinstance(layer, _LAYERS.DepthwiseConv2D) else 0
            return memory.Operation(
                inputs, output, num_bytes, trains, for_weights=inputs, workspace=copy
            )
        if isinstance(layer, _LAYERS.Dropout) and not self._train_batch_norm:
            return memory.Operation(inputs, output, num_bytes, in_place=True)
        if isinstance(layer, _NEED_NOTHING):
            return memory.Operation(
                inputs, output, num_bytes, trains, in_place=isinstance(layer, _LAYERS.Add)
            )
        # Poolings, products, and what is not known: all that it reads and makes is kept.
        kept = (*inputs, output)
        return memory.Operation(inputs, output, num_bytes, trains, kept, kept)


def _activate(
    activation: str, inputs: tuple[int, ...], output: int, num_bytes: int
) -> memory.Operation:
    if activation in _FROM_OUTPUT:
        return memory.Operation(inputs, output, num_bytes, for_inputs=(output,), in_place=True)
    return memory.Operation(inputs, output, num_bytes, for_inputs=inputs, workspace=num_bytes)


def _activation(layer: keras.Layer) -> str | None:
    if isinstance(layer, _LAYERS.ReLU):
        return "relu"
    return getattr(getattr(layer, "activation", None), "__name__", None)


def _numbers(tensor: keras.KerasTensor) -> int:
    return math.prod(tensor.shape[1:])
