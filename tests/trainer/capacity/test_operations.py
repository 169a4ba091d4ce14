import keras
import pytest
from keras.src.applications import inception_resnet_v2  # which `keras` does not export

from trainer.capacity import memory, operations
from trainer.networks import backbones, models, precision


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


def _of_network(monkeypatch, layer, *, train_batch_norm=False):
    """Returns the operations of a layer, or several, between the image and the head."""

    def build(shape):
        inputs = keras.Input(shape)
        return keras.Model(inputs, layer(inputs))

    classifier = _classifier(monkeypatch, build)
    classifier.unfreeze_from("0", train_batch_norm=train_batch_norm)
    return operations.of_classifier(classifier)


def _of(monkeypatch, layer, **options):
    """Returns the same without those two."""
    return _of_network(monkeypatch, layer, **options)[1:-1]


IMAGE = 8 * 8 * 3 * 4  # bytes


def test_a_depthwise_convolution_copies_nothing(monkeypatch):
    (depthwise,) = _of(monkeypatch, keras.layers.DepthwiseConv2D(3, padding="same"))
    assert (depthwise.workspace, depthwise.gradient_workspace) == (0, 0)


def test_a_sequence_within_a_network_is_its_layers(monkeypatch):
    layers = keras.layers
    inner = keras.Sequential([layers.Conv2D(4, 1), layers.Conv2D(2, 1)])
    image, first, second, third, head = _of_network(
        monkeypatch, lambda inputs: layers.Conv2D(1, 1)(inner(inputs))
    )
    assert first.inputs == (image.output,)
    assert second.inputs == (first.output,)
    assert third.inputs == (second.output,)
    assert (first.num_bytes, second.num_bytes) == (4 * 8 * 8 * 4, 2 * 8 * 8 * 4)
    assert head.inputs == (third.output,)


@pytest.mark.parametrize(
    "add",
    [
        lambda one, other: one + other,
        lambda *both: keras.layers.Add()(both),
        lambda *both: inception_resnet_v2.CustomScaleLayer(0.17)(both),
    ],
)
def test_a_sum_of_tensors_needs_nothing_however_it_is_written(monkeypatch, add):
    def build(inputs):
        maps = keras.layers.Conv2D(3, 1)(inputs)
        return add(keras.layers.Conv2D(3, 1)(maps), maps)

    _, first, second, added, head = _of_network(monkeypatch, build)
    assert added.inputs == (second.output, first.output)
    assert (added.in_place, added.trains, added.for_weights, added.for_inputs) == (
        True,
        False,
        (),
        (),
    )
    assert head.inputs == (added.output,)


def test_a_linear_activation_needs_nothing(monkeypatch):
    (linear,) = _of(monkeypatch, keras.layers.Activation("linear"))
    assert (linear.in_place, linear.for_inputs) == (True, ())


def test_a_network_may_be_cut_at_its_images_and_between_its_layers(monkeypatch):
    classifier = models.build(models.ModelSpec("cnn_6_blocks", 64, 1))
    places = operations.places_to_cut(classifier)
    images, seeds = classifier.backbone.inputs
    assert places[id(images)] is images
    assert id(seeds) not in places
    assert len(places) == 1 + 4 * 6


def test_the_gradient_of_a_convolution_copies_what_came_in_and_out(monkeypatch):
    (wide,) = _of(monkeypatch, keras.layers.Conv2D(6, 3, padding="same"))
    assert (wide.workspace, wide.gradient_workspace) == (0, 3 * IMAGE)
    (pointwise,) = _of(monkeypatch, keras.layers.Conv2D(6, 1))
    assert (pointwise.workspace, pointwise.gradient_workspace) == (0, 0)


def test_a_grouped_convolution_gathers_its_windows(monkeypatch):
    (grouped,) = _of(monkeypatch, keras.layers.Conv2D(3, 3, groups=3, padding="same"))
    assert (grouped.workspace, grouped.gradient_workspace) == (9 * IMAGE, 9 * IMAGE)
    assert grouped.is_compiled


def test_a_batch_norm_in_half_precision_reckons_in_float32(monkeypatch):
    (whole,) = _of(monkeypatch, keras.layers.BatchNormalization())
    assert (whole.num_bytes, whole.workspace, whole.gradient_workspace) == (IMAGE, 0, 0)
    with precision.of_new_layers("float16"):  # of an image, which is float32, it makes no copy
        layers = keras.layers.Conv2D(3, 1), keras.layers.BatchNormalization()
        _, copy, half = _of(monkeypatch, lambda maps: layers[1](layers[0](maps)))
    assert (copy.num_bytes, half.num_bytes) == (IMAGE, IMAGE // 2)
    assert half.for_weights == (copy.output,)


def test_a_batch_norm_that_learns_statistics_squares_its_inputs(monkeypatch):
    layer = keras.layers.BatchNormalization()
    (learns,) = _of(monkeypatch, layer, train_batch_norm=True)
    assert (learns.workspace, learns.gradient_workspace) == (IMAGE, 2 * IMAGE)
    assert learns.for_inputs == learns.inputs


def test_a_batch_norm_without_scale_needs_nothing_where_its_statistics_stay(monkeypatch):
    layer = keras.layers.BatchNormalization(scale=False)
    (shifts,) = _of(monkeypatch, layer)
    assert (shifts.trains, shifts.in_place) == (True, True)
    assert (shifts.for_weights, shifts.for_inputs, shifts.gradient_workspace) == ((), (), 0)
    (learns,) = _of(monkeypatch, layer, train_batch_norm=True)
    assert (learns.in_place, learns.for_inputs) == (False, learns.inputs)
    (scales,) = _of(monkeypatch, keras.layers.BatchNormalization())
    assert (scales.in_place, scales.for_weights) == (False, scales.inputs)


def test_a_layer_norm_keeps_a_factor_for_each_number(monkeypatch):
    factor, scaled = _of(monkeypatch, keras.layers.LayerNormalization())
    assert factor.num_bytes == scaled.num_bytes == IMAGE
    assert scaled.for_inputs == (*factor.inputs, factor.output)


def test_a_gelu_keeps_three_numbers_for_each_of_its_inputs(monkeypatch):
    between, activated = _of(monkeypatch, keras.layers.Activation("gelu"))
    assert (between.num_bytes, activated.num_bytes) == (3 * IMAGE, IMAGE)
    assert activated.for_inputs == (*between.inputs, between.output)


def test_half_precision_takes_half_and_the_head_float32(monkeypatch):
    with precision.of_new_layers("bfloat16"):
        (convolution,) = _of(monkeypatch, keras.layers.Conv2D(3, 1))
    assert convolution.num_bytes == IMAGE // 2


def test_a_head_on_features_is_of_those_and_its_layers(tiny_backbone):
    classifier = models.build(models.ModelSpec(tiny_backbone, 16, 1, head_units=(7,)))
    cached, features, head = operations.of_head(classifier)
    number = classifier.num_features
    assert (cached.num_bytes, features.num_bytes) == (2 * number, 4 * number)
    assert head.num_bytes == 4 * number + 2 * 4 * (7 + 1)
    assert [operation.trains for operation in (cached, features, head)] == [False, False, True]


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
