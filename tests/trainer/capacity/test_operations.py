import keras

from trainer.capacity import memory, operations
from trainer.networks import backbones, models


def _classifier(monkeypatch, build):
    entry = backbones.Backbone(lambda include_top, weights, input_shape: build(input_shape), None)
    monkeypatch.setitem(backbones.BACKBONES, "painted", entry)
    return models.build(models.ModelSpec("painted", 8, 1))


def test_a_convolution_with_an_activation_keeps_its_input_and_what_came_out(monkeypatch):
    def build(shape):
        inputs = keras.Input(shape)
        layer = keras.layers.Conv2D(4, 3, padding="same", activation="relu")
        return keras.Model(inputs, layer(inputs))

    classifier = _classifier(monkeypatch, build)
    classifier.unfreeze_from("0", train_batch_norm=False)
    image, convolution, activation, head = operations.of_classifier(classifier)
    assert [operation.num_bytes for operation in (image, convolution, activation, head)] == [
        8 * 8 * 3 * 4,
        8 * 8 * 4 * 4,
        8 * 8 * 4 * 4,
        8 * 8 * 4 * 4,
    ]
    assert convolution.trains
    assert convolution.for_weights == (image.output,)
    assert activation.in_place
    assert activation.for_inputs == (activation.output,)
    assert head.inputs == (activation.output,)


def test_a_separable_convolution_is_two_operations(monkeypatch):
    def build(shape):
        inputs = keras.Input(shape)
        return keras.Model(inputs, keras.layers.SeparableConv2D(6, 3, strides=2)(inputs))

    classifier = _classifier(monkeypatch, build)
    depthwise, pointwise = operations.of_classifier(classifier)[1:3]
    assert depthwise.num_bytes == 3 * 3 * 3 * 4
    assert pointwise.num_bytes == 3 * 3 * 6 * 4
    assert pointwise.inputs == (depthwise.output,)


def test_frozen_layers_do_not_train(monkeypatch, tiny_backbone):
    classifier = models.build(models.ModelSpec(tiny_backbone, 16, 1))
    classifier.freeze_backbone()
    assert [op.trains for op in operations.of_classifier(classifier)] == [False] * 4 + [True]
    classifier.unfreeze_from("second", train_batch_norm=False)
    found = operations.of_classifier(classifier)
    assert [op.trains for op in found] == [False, False, False, True, True]


def test_the_more_trains_the_more_memory_it_takes():
    classifier = models.build(models.ModelSpec("cnn", 32, 1))

    def peak():
        return memory.peak_bytes_per_example(operations.of_classifier(classifier))

    classifier.freeze_backbone()
    peaks = [peak()]
    for train_batch_norm in (False, True):
        classifier.unfreeze_from("0", train_batch_norm=train_batch_norm)
        peaks.append(peak())
    assert peaks[0] < peaks[1] <= peaks[2]
