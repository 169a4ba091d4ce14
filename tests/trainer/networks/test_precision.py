import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.networks import models, precision


@pytest.mark.parametrize(
    ("capabilities", "found"),
    [
        ([], "float32"),
        ([(6, 1)], "float32"),
        ([(7, 0)], "float16"),
        ([(7, 5)], "float16"),
        ([(8, 0), (9, 0)], "bfloat16"),
        ([(9, 0), (7, 5)], "float16"),
    ],
)
def test_the_weakest_gpu_decides(capabilities, found):
    assert precision.resolve("auto", capabilities) == found


def test_on_a_processor_it_is_float32_and_what_is_asked_for_stays():
    assert precision.resolve("auto") == "float32"
    assert precision.resolve("float16", []) == "float16"


@pytest.mark.parametrize(
    ("name", "others", "found"),
    [
        ("auto", "bfloat16", "float32"),
        ("bfloat16", "float16", "float16"),
        ("bfloat16", "bfloat16", "bfloat16"),
        ("float16", "float32", "float32"),
    ],
)
def test_of_several_workers_the_weakest_decides(name, others, found):
    order = ("float32", "float16", "bfloat16")  # on a processor auto is float32

    def smallest(own):
        return min(own, order.index(others))

    assert precision.of_all_workers(name, smallest) == found


def test_layers_that_are_made_outside_reckon_as_before():
    before = keras.config.dtype_policy().name
    with pytest.raises(RuntimeError), precision.of_new_layers("float16"):
        assert keras.layers.Dense(1).compute_dtype == "float16"
        raise RuntimeError
    assert keras.config.dtype_policy().name == before == "float32"


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
@pytest.mark.parametrize(
    ("model", "size"), [("cnn", 16), ("capsnet", 32), ("forensic", 16), ("cnn_6_blocks", 64)]
)
def test_a_network_gives_nearly_the_logits_of_float32_in_half_precision(model, size, name):
    spec = models.ModelSpec(model, size, 2, head_units=(4,))
    keras.utils.set_random_seed(0)
    whole = models.build(spec)
    with precision.of_new_layers(name):
        half = models.build(spec)
    assert {variable.dtype for variable in half.weights} == {"float32"}
    for own, other in zip(half.weights, whole.weights, strict=True):
        own.assign(other)
    images = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), dtype=np.uint8)
    found, expected = half(tf.constant(images)), whole(tf.constant(images))
    assert found.dtype == tf.float32
    assert found.numpy() == pytest.approx(expected.numpy(), abs=0.05)
    assert not np.array_equal(found, expected)
