import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.augment import policies
from trainer.features import computing
from trainer.networks import models


@pytest.fixture
def classifier(tiny_backbone):
    keras.utils.set_random_seed(0)
    return models.build(models.ModelSpec(name=tiny_backbone, image_size=16, num_logits=1), "none")


def test_constants_are_the_weights_of_the_backbone_unless_it_is_large(classifier, monkeypatch):
    weights = classifier.backbone.weights
    constants = computing._constants(classifier.backbone)
    assert [variable.path for variable, _ in constants] == [weight.path for weight in weights]
    assert all((value == variable.numpy()).all() for variable, value in constants)
    monkeypatch.setattr(computing, "MOST_CONSTANT_BYTES", 4)
    assert computing._constants(classifier.backbone) == []


@pytest.mark.parametrize("most", [0, 1 << 30])
def test_features_are_those_of_the_network(classifier, monkeypatch, most):
    monkeypatch.setattr(computing, "MOST_CONSTANT_BYTES", most)
    images = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), np.uint8)
    batch = {"image": tf.constant(images), "noise": tf.zeros([4, 0])}
    strategy = tf.distribute.get_strategy()
    found = computing._make_step(strategy, classifier, policies.POLICIES["none"])(batch)
    assert found.dtype == tf.float16
    expected = classifier.features(tf.constant(images)).numpy()
    assert expected.std() > 0
    assert found.numpy() == pytest.approx(expected, rel=2e-3, abs=1e-4)
