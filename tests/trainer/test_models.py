import keras
import numpy as np
import pytest
import tensorflow as tf

from tfrecords import exits
from trainer import models

# By name the smallest image size, and the parameters of the backbone and of a head of one logit.
BACKBONES = {
    "densenet121": (32, 7_037_504, 1_025),
    "efficientnet_v2b0": (32, 5_919_312, 1_281),
    "inception_resnet_v2": (75, 54_336_736, 1_537),
    "mobilenet_v2": (32, 2_257_984, 1_281),
    "resnet50": (32, 23_587_712, 2_049),
    "resnet50v2": (32, 23_564_800, 2_049),
    "vgg16": (32, 14_714_688, 513),
    "xception": (71, 20_861_480, 2_049),
}
FAST = ("mobilenet_v2", "vgg16", "resnet50")
TO_ONE = [-1, 0.003921569, 1]


def _images(size, count=2):
    pixels = np.random.default_rng(0).integers(0, 256, (count, size, size, 3))
    return tf.constant(pixels, tf.uint8)


def test_the_cnn_has_its_number_of_parameters():
    classifier = models.build(models.ModelSpec(models.CNN, 96, 1))
    assert classifier.num_parameters() == (98_289, 97_809)


def test_the_cnn_maps_bytes_to_logits():
    classifier = models.build(models.ModelSpec(models.CNN, 16, 3))
    logits = classifier(_images(16))
    assert (logits.shape, logits.dtype) == ((2, 3), tf.float32)
    assert np.isfinite(logits).all()


def test_every_backbone_is_tested_here():
    assert set(BACKBONES) == set(models.BACKBONES)
    assert list(models.NAMES) == ["cnn", *models.BACKBONES]


@pytest.mark.parametrize("name", BACKBONES)
def test_each_backbone_is_built_at_its_smallest_size(name):
    size, of_backbone, of_head = BACKBONES[name]
    classifier = models.build(models.ModelSpec(name, size, 1))
    assert classifier.backbone.count_params() == of_backbone
    assert classifier.num_parameters()[0] == of_backbone + of_head
    classifier.freeze_backbone()
    assert classifier.num_parameters() == (of_backbone + of_head, of_head)
    if name in FAST:
        logits = classifier(_images(size))
        assert (logits.shape, logits.dtype) == ((2, 1), tf.float32)
        assert np.isfinite(logits).all()
    if name == "efficientnet_v2b0":  # scales pixels in layers of its own
        assert any(
            isinstance(layer, keras.layers.Rescaling) for layer in classifier.backbone.layers
        )


@pytest.mark.parametrize(
    ("name", "first", "trainable"),
    [("resnet50v2", 150, 15_236_097), ("densenet121", 370, 1_213_697)],
)
def test_unfreezing_from_an_index_or_a_name(name, first, trainable):
    classifier = models.build(models.ModelSpec(name, 32, 1))
    for layer in (str(first), classifier.backbone.layers[first].name):
        classifier.freeze_backbone()
        classifier.unfreeze_from(layer, train_batch_norm=False)
        assert classifier.num_parameters()[1] == trainable
        flags = [member.trainable for member in classifier.backbone.layers]
        assert flags == [index >= first for index in range(len(flags))]


def test_freezing_again_leaves_the_head_alone(tiny_backbone):
    classifier = models.build(models.ModelSpec(tiny_backbone, 16, 1))
    classifier.unfreeze_from("0", train_batch_norm=True)
    assert classifier.num_parameters() == (63, 55)
    classifier.freeze_backbone()
    assert classifier.num_parameters() == (63, 6)


@pytest.mark.parametrize("layer", ["third", "4", "-1", "1.5", ""])
def test_an_unknown_layer_is_refused(tiny_backbone, layer):
    classifier = models.build(models.ModelSpec(tiny_backbone, 16, 1))
    with pytest.raises(exits.UsageError) as error:
        classifier.unfreeze_from(layer, train_batch_norm=False)
    assert str(error.value) == (
        "--fine_tune_from must be a layer's name or an index from 0 to 3 of tiny. "
        f"Received: {layer!r}. Its last layers: first, norm, second."
    )


@pytest.mark.parametrize(
    ("name", "scaled"),
    [
        ("vgg16", [151.061, 11.221, -123.68]),
        ("resnet50", [151.061, 11.221, -123.68]),
        ("resnet50v2", TO_ONE),
        ("xception", TO_ONE),
        ("inception_resnet_v2", TO_ONE),
        ("mobilenet_v2", TO_ONE),
        ("densenet121", [-2.117904, 0.205182, 2.64]),
        ("efficientnet_v2b0", [0, 128, 255]),
    ],
)
def test_each_backbone_sees_pixels_as_its_weights_were_trained(name, scaled):
    pixels = tf.constant([[[[0.0, 128.0, 255.0]]]])
    found = models.BACKBONES[name].scale(pixels).numpy()
    assert found.ravel() == pytest.approx(scaled, abs=1e-5)
    assert pixels.numpy().ravel().tolist() == [0, 128, 255]


def test_alpha_makes_a_mobilenet_narrower():
    classifier = models.build(models.ModelSpec("mobilenet_v2", 32, 1, alpha=0.35))
    assert classifier.num_parameters()[0] == 410_208 + 1_281


@pytest.mark.parametrize("name", ["cnn", "resnet50v2"])
def test_alpha_is_refused_where_there_is_no_such_choice(name):
    with pytest.raises(exits.UsageError, match=f"Received: --alpha=0.5 --model={name}"):
        models.ModelSpec(name, 32, 1, alpha=0.5)


def test_a_model_that_does_not_exist_is_refused():
    with pytest.raises(exits.UsageError, match="--model must be one of cnn, .*Received: 'vit'"):
        models.ModelSpec("vit", 32, 1)


@pytest.mark.parametrize(("name", "size"), [("vgg16", 31), ("xception", 70), ("cnn", 15)])
def test_an_image_too_small_for_the_backbone_is_refused(name, size):
    with pytest.raises(exits.UsageError, match=f"--model={name} cannot .*--image_size={size}"):
        models.build(models.ModelSpec(name, size, 1))


@pytest.fixture
def dropping(tiny_backbone):
    """A classifier that adds up its five features, and drops half of them."""
    classifier = models.build(models.ModelSpec(tiny_backbone, 16, 1, dropout=0.5))
    classifier.head.kernel.assign(tf.ones([5, 1]))
    return classifier


def test_a_feature_is_dropped_where_the_noise_is_below_the_rate(dropping):
    images = _images(16)
    features = dropping.features(images).numpy()
    noise = tf.constant([[0.49, 0.5, 0, 0.99, 0.2], [0.9, 0.1, 0.6, 0.4, 0.3]])
    logits = dropping(images, training=True, dropout_noise=noise).numpy()
    expected = [2 * (features[0, 1] + features[0, 3]), 2 * (features[1, 0] + features[1, 2])]
    assert logits[:, 0] == pytest.approx(expected, abs=1e-5)


def test_nothing_is_dropped_outside_training_or_without_noise(dropping):
    images = _images(16)
    expected = dropping.features(images).numpy().sum(axis=1, keepdims=True)
    zeros = tf.zeros([2, 5])
    assert dropping(images, dropout_noise=zeros).numpy() == pytest.approx(expected, abs=1e-5)
    assert dropping(images, training=True).numpy() == pytest.approx(expected, abs=1e-5)


def _statistics(classifier):
    norm = classifier.backbone.get_layer("norm")
    return [norm.moving_mean.numpy(), norm.moving_variance.numpy()]


@pytest.mark.parametrize("unfrozen", [False, True])
def test_a_backbone_with_weights_keeps_its_statistics_in_training(tiny_backbone, unfrozen):
    classifier = models.build(models.ModelSpec(tiny_backbone, 16, 1))
    classifier.freeze_backbone()
    if unfrozen:
        classifier.unfreeze_from("0", train_batch_norm=False)
    before = _statistics(classifier)
    images = _images(16)
    assert np.array_equal(classifier(images, training=True), classifier(images))
    assert np.array_equal(_statistics(classifier), before)


def test_a_backbone_without_weights_learns_its_statistics(tiny_backbone):
    classifier = models.build(models.ModelSpec(tiny_backbone, 16, 1))
    classifier.unfreeze_from("0", train_batch_norm=True)
    before = _statistics(classifier)
    images = _images(16)
    evaluated = classifier(images).numpy()
    assert not np.array_equal(classifier(images, training=True), evaluated)
    assert not np.array_equal(_statistics(classifier), before)


def test_pixels_of_the_cnn_are_scaled_to_one():
    classifier = models.build(models.ModelSpec(models.CNN, 16, 1))
    found = classifier._scale(tf.constant([0.0, 51.0, 255.0])).numpy()
    assert found == pytest.approx([0, 0.2, 1])
