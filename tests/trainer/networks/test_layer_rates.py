import keras
import pytest

from trainer.networks import backbones, layer_rates, models


@pytest.fixture
def classifier(tiny_backbone):
    """A network of the layers first, norm and second, and a head."""
    return models.build(models.ModelSpec(tiny_backbone, 16, 1, head_units=(4,)))


def _rates(classifier, decay):
    found = layer_rates.of_variables(classifier, decay)
    paths = [variable.path.split("/") for variable in classifier.trainable_variables]
    return {path[-2]: rate for path, rate in zip(paths, found, strict=True)}


def test_rates_fall_from_layer_to_layer_and_a_norm_has_that_of_the_layer_before(classifier):
    classifier.unfreeze_from("0", train_batch_norm=False)
    rates = _rates(classifier, 0.5)
    assert {name: rates[name] for name in ("first", "norm", "second", "head")} == {
        "first": 0.25,
        "norm": 0.25,
        "second": 0.5,
        "head": 1.0,
    }
    assert len([rate for rate in rates.values() if rate == 1]) == 2  # the head's hidden layer


def test_what_is_frozen_has_no_rate_and_leaves_that_of_the_others(classifier):
    classifier.unfreeze_from("second", train_batch_norm=False)
    rates = _rates(classifier, 0.5)
    assert (rates["second"], rates["head"]) == (0.5, 1.0)
    assert not {"first", "norm"} & rates.keys()


def test_what_stands_before_the_first_layer_has_its_rate(monkeypatch):
    def build(include_top, weights, input_shape):
        inputs = keras.Input(input_shape)
        scaled = keras.layers.BatchNormalization(name="before")(inputs)
        return keras.Model(inputs, keras.layers.Conv2D(2, 1, name="only")(scaled))

    monkeypatch.setitem(backbones.BACKBONES, "short", backbones.Backbone(build, lambda x: x))
    classifier = models.build(models.ModelSpec("short", 16, 1))
    classifier.unfreeze_from("0", train_batch_norm=False)
    assert _rates(classifier, 0.1) == {"before": 0.1, "only": 0.1, "head": 1.0}
