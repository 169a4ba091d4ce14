import numpy as np
import pytest
import tensorflow as tf

from trainer.networks import models
from trainer.running import diagnosis

IDS = [f"{index:03d}.jpg" for index in range(4)]


@pytest.fixture
def explain(tiny_backbone):
    """Explains a batch of four grey images, the last one white, after a change of the model."""

    def explaining(change):
        classifier = models.build(models.ModelSpec(tiny_backbone, 16, 1))
        change(classifier)
        images = np.full((4, 16, 16, 3), 127, np.uint8)
        images[3] = 255
        labels = tf.constant([0, 1, 0, 1], tf.int64)
        return diagnosis.explain(
            classifier, tf.constant(images), labels, IDS, positive=1, micro_batch=3
        )

    return explaining


def _fill(name, value):
    def fill(classifier):
        kernel = classifier.backbone.get_layer(name).kernel
        kernel.assign(tf.fill(kernel.shape, value))

    return fill


def test_the_first_layer_is_named_and_not_those_that_follow(explain):
    assert explain(_fill("first", np.nan)) == (
        "The first output that is not finite is that of layer 'first', for every example."
    )
    assert "layer 'second'" in explain(_fill("second", np.nan))


def test_the_examples_are_named_where_not_all_are_to_blame(explain):
    # Grey is near zero after scaling, so that the white one alone overflows float32.
    def change(classifier):
        _fill("first", 3e38)(classifier)

    assert explain(change) == (
        "The first output that is not finite is that of layer 'first', for 003.jpg."
    )


def test_the_head_is_named(explain):
    said = explain(lambda classifier: classifier.head.bias.assign([np.inf]))
    assert said == "The first output that is not finite is that of the head, for every example."


def test_a_gradient_that_overflows_is_named(explain):
    def change(classifier):
        _fill("first", 100.0)(classifier)
        _fill("second", 0.0)(classifier)
        classifier.head.kernel.assign(tf.fill(classifier.head.kernel.shape, 3e38))

    assert "All outputs are finite, and the gradient of " in explain(change)


def test_a_sound_model_is_said_to_be_sound(explain):
    assert explain(lambda classifier: None) == (
        "With the weights of now, all outputs and gradients of its images are finite."
    )
