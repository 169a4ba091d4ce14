"""Layer-wise learning rates: the nearer a layer is to the pixels, the less it moves.

What the first layers of a pretrained backbone see, edges and colours, is of use for any task; the
last ones have the most to learn anew. Howard and Ruder 2018, arXiv:1801.06146, 3.2; per layer as in
Clark et al. 2020 (ELECTRA), arXiv:2003.10555.
"""

import keras

from trainer.networks import models


def of_variables(classifier: models.Classifier, decay: float) -> list[float]:
    """Returns by what the rate of each trainable variable is multiplied, in their order.

    The head has 1, the last layer of the backbone `decay`, the one before it `decay` squared, and
    so on. What has no weights of two dimensions or more, such as a batch norm, has the rate of the
    layer before it: it scales that one's output.

    Args:
      classifier: with the layers trainable that are to be.
      decay: in (0, 1].
    """
    depth = sum(map(_has_kernel, classifier.backbone.layers))
    rates: dict[int, float] = {}
    is_first = True
    for layer in classifier.backbone.layers:
        if _has_kernel(layer):
            depth -= not is_first
            is_first = False
        rates |= {id(variable): decay**depth for variable in layer.weights}
    return [rates.get(id(variable), 1.0) for variable in classifier.trainable_variables]


def _has_kernel(layer: keras.layers.Layer) -> bool:
    return any(len(variable.shape) > 1 for variable in layer.weights)
