"""Small convolutional networks that train from random weights.

Each function takes the shape of an image and returns a network from scaled pixels to feature maps.
"""

import keras

from trainer.networks import dropout

# The statistics follow within an epoch of fifty steps. With Keras' .99 they lag behind the weights,
# and a network that ranks images well calls all of them by one name.
BATCH_NORM_MOMENTUM = 0.75


def four_blocks(input_shape: tuple[int, int, int]) -> keras.Model:
    """Four blocks of convolution, batch norm and pooling; 98 thousand parameters."""
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, blocks(inputs), name="cnn")


def three_blocks(input_shape: tuple[int, int, int]) -> keras.Model:
    """Three blocks of unpadded convolution and pooling, the common first CNN of tutorials."""
    inputs = features = keras.Input(input_shape)
    for filters in (32, 64, 128):
        features = keras.layers.Conv2D(filters, 3, activation="relu")(features)
        features = keras.layers.MaxPooling2D()(features)
    return keras.Model(inputs, features, name="cnn_3_blocks")


def six_blocks(input_shape: tuple[int, int, int]) -> keras.Model:
    """Six blocks of convolution, pooling, batch norm and dropout of a fifth."""
    inputs = features = keras.Input(input_shape)
    seeds = keras.Input((), dtype="uint32")
    for block, filters in enumerate((16, 32, 64, 128, 256, 512)):
        features = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(features)
        features = keras.layers.MaxPooling2D()(features)
        features = batch_norm()(features)
        features = dropout.Dropout(0.2, salt=block)([features, seeds])
    return keras.Model([inputs, seeds], features, name="cnn_6_blocks")


def blocks(maps: keras.KerasTensor) -> keras.KerasTensor:
    """Returns the maps after the four blocks, a sixteenth as high and wide, with 128 channels."""
    for filters in (16, 32, 64, 128):
        maps = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(maps)
        maps = batch_norm()(maps)
        maps = keras.layers.ReLU()(maps)
        maps = keras.layers.MaxPooling2D()(maps)
    return maps


def batch_norm() -> keras.layers.BatchNormalization:
    """Returns a batch norm whose statistics do not depend on the number of replicas."""
    return keras.layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, synchronized=True)
