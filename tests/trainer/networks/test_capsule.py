import numpy as np
import pytest
import tensorflow as tf

from trainer.networks import capsule, models


def _numpy_squash(vectors):
    length = np.sqrt((vectors**2).sum(axis=-1, keepdims=True))
    return length**2 / (1 + length**2) * vectors / length


def _numpy_route(capsules, matrices, num_routings):
    """Procedure 1 of the paper, with each vote spelt out and votes averaged."""
    outputs = np.zeros((len(capsules), matrices.shape[0], matrices.shape[2]))
    for example, inputs in enumerate(capsules):
        votes = np.einsum("id,jde->ije", inputs, matrices)
        agreement = np.zeros(votes.shape[:2])
        for _ in range(num_routings):
            couplings = np.exp(agreement) / np.exp(agreement).sum(axis=1, keepdims=True)
            for j in range(votes.shape[1]):
                mean = sum(c * v for c, v in zip(couplings[:, j], votes[:, j], strict=True))
                outputs[example, j] = _numpy_squash(mean / couplings[:, j].sum())
            agreement = agreement + np.einsum("ije,je->ij", votes, outputs[example])
    return outputs


@pytest.mark.parametrize("num_routings", [1, 2, 3])
def test_routing_is_that_of_numpy(num_routings):
    random = np.random.default_rng(0)
    capsules = _numpy_squash(random.normal(0, 2, (3, 20, 8))).astype(np.float32)
    matrices = random.normal(0, 2, (4, 8, 16)).astype(np.float32)
    found = capsule.route(tf.constant(capsules), tf.constant(matrices), num_routings)
    expected = _numpy_route(capsules.astype(float), matrices.astype(float), num_routings)
    assert found.numpy() == pytest.approx(expected, abs=1e-5)


def test_routing_prefers_the_output_that_inputs_agree_on():
    # To output 0 all inputs give one vote; to output 1 each gives one of its own.
    capsules = np.zeros((1, 8, 8), np.float32)
    capsules[0, :, 0] = 0.5
    capsules[0, np.arange(8), np.arange(8)] += 0.5
    matrices = np.zeros((2, 8, 16), np.float32)
    matrices[0, 0, 0] = 4
    matrices[1, 1:, 1:8] = np.eye(7) * 4
    outputs = capsule.route(tf.constant(capsules), tf.constant(matrices))
    lengths = np.linalg.norm(outputs, axis=-1)[0]
    assert lengths[0] > 0.8 > 0.4 > lengths[1]


@pytest.mark.parametrize(("length", "squashed"), [(1, 0.5), (3, 0.9), (0.1, 0.01 / 1.01)])
def test_squash_keeps_the_direction_and_shortens(length, squashed):
    found = capsule.squash(tf.constant([0.6 * length, 0.8 * length])).numpy()
    assert found == pytest.approx([0.6 * squashed, 0.8 * squashed], abs=1e-5)


def test_a_vector_of_zeros_is_squashed_to_zeros_with_a_finite_gradient():
    vector = tf.zeros([1, 8])
    with tf.GradientTape() as tape:
        tape.watch(vector)
        squashed = capsule.squash(vector)
    assert np.array_equal(squashed, np.zeros((1, 8)))
    assert np.isfinite(tape.gradient(squashed, vector)).all()


def test_the_margin_loss_by_hand():
    lengths = tf.constant([[0.95, 0.05], [0.5, 0.5], [0.0, 1.0]])
    found = capsule.margin_loss(tf.constant([0, 0, 0], tf.int64), lengths).numpy()
    assert found == pytest.approx([0, 0.4**2 + 0.5 * 0.4**2, 0.9**2 + 0.5 * 0.9**2], abs=1e-6)


def test_lengths_leave_room_to_learn_however_many_capsules_there_are():
    # Votes that are added up give lengths of 1 here, where the gradient of squash vanishes.
    classifier = models.build(models.ModelSpec("capsnet", 96, 2))
    images = np.random.default_rng(0).integers(0, 256, (4, 96, 96, 3), np.uint8)
    lengths = classifier.features(tf.constant(images)).numpy()
    assert lengths.shape == (4, 2)
    assert lengths.max() < 0.9
    assert np.isfinite(lengths).all()


def test_three_classes_have_a_capsule_each():
    classifier = models.build(models.ModelSpec("capsnet", 32, 3))
    assert classifier.features(tf.zeros([1, 32, 32, 3], tf.uint8)).shape == (1, 3)
    assert models.build(models.ModelSpec("capsnet", 32, 1)).num_features == 2
