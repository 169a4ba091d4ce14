import dataclasses
import json

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from tfrecords import exits
from trainer.networks import backbones, dropout, models

# By name the smallest image size, and the parameters of the backbone and of a head of one logit.
BACKBONES = {
    "convnext_tiny": (32, 27_820_128, 769),
    "densenet121": (32, 7_037_504, 1_025),
    "efficientnet_v2b0": (32, 5_919_312, 1_281),
    "efficientnet_v2b1": (32, 6_931_124, 1_281),
    "efficientnet_v2b2": (32, 8_769_374, 1_409),
    "efficientnet_v2b3": (32, 12_930_622, 1_537),
    "efficientnet_v2s": (32, 20_331_360, 1_281),
    "inception_resnet_v2": (75, 54_336_736, 1_537),
    "mobilenet_v2": (32, 2_257_984, 1_281),
    "resnet50": (32, 23_587_712, 2_049),
    "resnet50v2": (32, 23_564_800, 2_049),
    "vgg16": (32, 14_714_688, 513),
    "xception": (71, 20_861_480, 2_049),
}
# The networks that start from random weights, by name the smallest image size.
NETWORKS = {"cnn": 16, "cnn_3_blocks": 22, "cnn_6_blocks": 64, "capsnet": 25, "forensic": 16}
FAST = ("mobilenet_v2", "vgg16", "resnet50")
TO_ONE = [-1, 0.003921569, 1]


def _images(size, count=2):
    pixels = np.random.default_rng(0).integers(0, 256, (count, size, size, 3))
    return tf.constant(pixels, tf.uint8)


def test_the_cnn_has_its_number_of_parameters():
    classifier = models.build(models.ModelSpec("cnn", 96, 1))
    assert classifier.num_parameters() == (98_289, 97_809)


@pytest.mark.parametrize(("name", "size"), NETWORKS.items())
def test_a_network_without_pretrained_weights_maps_bytes_to_logits(name, size):
    classifier = models.build(models.ModelSpec(name, size, 3))
    classifier.unfreeze_from("0", train_batch_norm=True)
    for training in (False, True):
        logits = classifier(_images(size), training=training)
        assert (logits.shape, logits.dtype) == ((2, 3), tf.float32)
        assert np.isfinite(logits).all()


def test_every_backbone_is_tested_here():
    assert set(BACKBONES) == set(backbones.PRETRAINED)
    assert set(NETWORKS) == set(models.NAMES) - set(BACKBONES)


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
    if name.startswith(("convnext", "efficientnet")):  # scale pixels in layers of their own
        kinds = {type(layer) for layer in classifier.backbone.layers[:3]}
        assert kinds & {keras.layers.Rescaling, keras.layers.Normalization}


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


@pytest.mark.parametrize(("learns", "momentum"), [(False, 0.999), (True, 0.9)])
def test_statistics_that_are_learnt_follow_the_weights_within_few_steps(
    tiny_backbone, learns, momentum
):
    classifier = models.build(models.ModelSpec(tiny_backbone, 16, 1))
    norm = classifier.backbone.get_layer("norm")
    norm.momentum = 0.999
    classifier.unfreeze_from("0", train_batch_norm=learns)
    assert norm.momentum == momentum


def test_batch_norm_is_synchronised_unless_each_replica_is_to_learn_by_itself(tiny_backbone):
    spec = models.ModelSpec(tiny_backbone, 16, 1, head_units=(4,), head_batch_norm=True)
    classifier = models.build(spec)
    norms = [classifier.backbone.get_layer("norm"), *classifier.hidden.norms]
    assert [norm.synchronized for norm in norms] == [True, True]
    classifier.normalise_by_replica(is_local=True)
    assert [norm.synchronized for norm in norms] == [False, False]


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
        *((f"efficientnet_v2{size}", [0, 128, 255]) for size in ("b0", "b1", "b2", "b3", "s")),
        ("convnext_tiny", [0, 128, 255]),
        *((name, [0, 0.501961, 1]) for name in ("cnn", "cnn_3_blocks", "cnn_6_blocks")),
        ("forensic", [0, 128, 255]),
    ],
)
def test_each_backbone_sees_pixels_as_its_weights_were_trained(name, scaled):
    pixels = tf.constant([[[[0.0, 128.0, 255.0]]]])
    scale = backbones.BACKBONES[name].scale
    assert scale(pixels).numpy().ravel() == pytest.approx(scaled, abs=1e-5)
    for compiled in (False, True):
        traced = tf.function(scale, jit_compile=compiled)
        assert traced(pixels).numpy().ravel() == pytest.approx(scaled, abs=1e-5)
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


@pytest.mark.parametrize(
    ("name", "size"), [("vgg16", 31), ("xception", 70), *((n, s - 1) for n, s in NETWORKS.items())]
)
def test_an_image_too_small_for_the_backbone_is_refused(name, size):
    with pytest.raises(exits.UsageError, match=f"--model={name} cannot .*--image_size={size}"):
        models.build(models.ModelSpec(name, size, 1))


@pytest.fixture
def dropping(tiny_backbone):
    """A classifier that adds up its five features, and drops half of them."""
    classifier = models.build(models.ModelSpec(tiny_backbone, 16, 1, dropout=0.5))
    classifier.head.kernel.assign(tf.ones([5, 1]))
    return classifier


def test_features_are_dropped_by_the_number_of_each_example(dropping):
    images = _images(16)
    features = dropping.features(images)
    seeds = tf.constant([3, 4], tf.uint32)
    logits = dropping(images, training=True, example_seeds=seeds).numpy()
    kept = dropout.drop(features, seeds, 0.5, salt=31).numpy()
    assert logits == pytest.approx(kept.sum(axis=1, keepdims=True), abs=1e-5)
    assert (kept == 0).any()
    assert (kept != 0).any()


def test_nothing_is_dropped_outside_training(dropping):
    images = _images(16)
    expected = dropping.features(images).numpy().sum(axis=1, keepdims=True)
    seeds = tf.constant([3, 4], tf.uint32)
    assert dropping(images, example_seeds=seeds).numpy() == pytest.approx(expected, abs=1e-5)


@pytest.fixture
def two_hidden(tiny_backbone):
    """A classifier with two dense layers of seven and six units."""
    spec = models.ModelSpec(
        tiny_backbone, 16, 1, head_units=(7, 6), head_batch_norm=True, feature_dropout=0.5
    )
    return models.build(spec)


def test_a_head_of_several_layers_by_hand(two_hidden):
    images = _images(16)
    values = two_hidden.features(images).numpy()
    one, other = two_hidden.hidden._dense
    for dense in (one, other):
        dense.bias.assign(np.linspace(-0.5, 0.5, dense.units))
        values = np.maximum(values @ dense.kernel.numpy() + dense.bias.numpy(), 0)
        values = values / np.sqrt(1 + 1e-3)  # a new batch norm: mean 0, variance 1
    expected = values @ two_hidden.head.kernel.numpy()
    assert two_hidden(images).numpy() == pytest.approx(expected, abs=1e-5)


def test_features_are_dropped_before_the_dense_layers(two_hidden):
    features = tf.ones([4, 5])
    seeds = tf.range(4, dtype=tf.int32)
    dropped = dropout.drop(features, tf.cast(seeds, tf.uint32), 0.5, salt=30)
    expected = two_hidden.head(two_hidden.hidden(dropped, training=True))
    found = two_hidden.classify(features, True, tf.cast(seeds, tf.uint32))
    assert found.numpy() == pytest.approx(expected.numpy(), abs=1e-6)


def test_the_batch_norm_of_the_head_learns_while_the_backbone_is_frozen(two_hidden):
    two_hidden.freeze_backbone()
    before = [variable.numpy() for variable in two_hidden.learnt_statistics]
    two_hidden(_images(16), training=True)
    assert len(before) == 4
    for variable, value in zip(two_hidden.learnt_statistics, before, strict=True):
        assert not np.array_equal(variable.numpy(), value)


@pytest.mark.parametrize(("head", "features"), [("gap", 5), ("flatten", 4 * 4 * 5)])
def test_feature_maps_are_averaged_or_flattened(tiny_backbone, head, features):
    classifier = models.build(models.ModelSpec(tiny_backbone, 16, 1, head=head))
    images = _images(16)
    pixels = tf.cast(images, tf.float32) / 127.5 - 1
    maps = classifier.backbone(pixels).numpy()
    expected = maps.mean(axis=(1, 2)) if head == "gap" else maps.reshape(2, -1)
    assert classifier.num_features == features
    assert classifier.features(images).numpy() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    "options", [{"feature_dropout": 0.5}, {"head_batch_norm": True}], ids=lambda o: next(iter(o))
)
def test_what_belongs_to_dense_layers_is_refused_without_them(options):
    with pytest.raises(exits.UsageError, match=f"{next(iter(options))} is for .* Add --head_units"):
        models.ModelSpec("cnn", 16, 1, **options)


def test_a_spec_comes_back_from_json():
    spec = models.ModelSpec("cnn", 16, 1, head_units=(8, 4))
    assert models.ModelSpec.from_json(json.loads(json.dumps(dataclasses.asdict(spec)))) == spec


def test_a_spec_of_the_first_version_is_read():
    fields = {"name": "cnn", "image_size": 16, "num_logits": 1, "alpha": 1.0, "dropout": 0.2}
    assert models.ModelSpec.from_json(fields) == models.ModelSpec("cnn", 16, 1, dropout=0.2)


def test_weights_lie_in_a_bundle_where_the_first_version_had_them(tmp_path):
    models.build(models.ModelSpec("cnn", 16, 1)).save_weights(tmp_path / "w.weights.h5")
    with h5py.File(tmp_path / "w.weights.h5") as file:
        assert file["head/vars/0"].shape == (128, 1)
        assert file["backbone/layers/conv2d_3/vars/0"].shape == (3, 3, 64, 128)


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


def test_the_capsule_network_sees_local_contrast():
    pixels = np.full((1, 5, 5, 3), 100.0, np.float32)
    pixels[0, 2, 2] = 109
    found = backbones.BACKBONES["capsnet"].scale(tf.constant(pixels)).numpy()
    expected = np.zeros((5, 5, 3))
    expected[1:4, 1:4] = -1 / 8
    expected[2, 2] = 1
    assert found[0] == pytest.approx(expected, abs=1e-5)


def test_each_capsule_begins_by_speaking_for_its_class():
    classifier = models.build(models.ModelSpec("capsnet", 32, 2))
    assert classifier.head.kernel.numpy().tolist() == [[4, 0], [0, 4]]


@pytest.mark.parametrize("seed", range(3))
def test_the_longest_capsule_names_the_class_whatever_the_seed(seed):
    # With random weights here, some seeds call what they tell apart by the wrong names.
    keras.utils.set_random_seed(seed)
    classifier = models.build(models.ModelSpec("capsnet", 25, 2))
    lengths = tf.constant([[0.9, 0.1], [0.1, 0.9], [0.5, 0.4]])
    assert tf.argmax(classifier.classify(lengths), axis=1).numpy().tolist() == [0, 1, 0]


def test_another_scaling_than_that_of_the_weights_is_refused():
    with pytest.raises(exits.UsageError, match="--scaling=contrast is for networks without pretr"):
        models.ModelSpec("xception", 96, 1, scaling="contrast")


def test_a_network_without_weights_sees_contrast_where_the_flag_says_so():
    classifier = models.build(models.ModelSpec("cnn", 32, 1, scaling="contrast"))
    images = _images(32)
    expected = backbones.contrast(tf.cast(images, tf.float32)).numpy()
    assert np.array_equal(classifier.backbone_inputs(images), expected)
