import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from trainer import choices
from trainer.augment import forensic, geometry, light, policies

SIZE = 16
# Every change, with parameters that change much.
CHANGES = {
    "flip_and_shift": (geometry.flip_and_shift, {"left_right": (0, 1), "shift_y": (-0.2, 0.2)}),
    "affine": (geometry.affine, {"rotation": (-30, 30), "zoom_x": (0.7, 1.3), "shear": (-9, 9)}),
    "brightness": (light.brightness, {"factor": (0.3, 1.7)}),
    "contrast": (light.contrast, {"factor": (0.3, 1.7)}),
    "saturation": (light.saturation, {"factor": (0.3, 1.7)}),
    "hue": (light.hue, {"degrees": (-90, 90)}),
    "blur": (forensic.blur, {"sigma": (0, 3)}),
    "add_noise": (forensic.add_noise, {"deviation": (0, 20), "seed": policies.SEEDS}),
    "rescale": (forensic.rescale, {"scale": (0.2, 1)}),
    "erase": (
        forensic.erase,
        {
            "area": (0.1, 0.4),
            "log2_aspect": (-1, 1),
            "x": (0, 1),
            "y": (0, 1),
            "seed": policies.SEEDS,
        },
    ),
}


def _images(count=8, size=SIZE):
    return np.random.default_rng(1).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def _noise(policy, count=8):
    return tf.stack([policy.noise(3, 1, tf.constant(i, tf.int64)) for i in range(count)])


def _in_replicas(strategy, function, dataset):
    (batch,) = strategy.experimental_distribute_dataset(dataset)
    traced = tf.function(lambda *args: strategy.run(function, args=args))
    parts = strategy.experimental_local_results(traced(*batch))
    assert [part.shape[0] for part in parts] == [4, 4]
    return np.concatenate(parts)


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_is_the_same_eagerly_in_a_map_and_in_replicas(name, two_devices):
    change, ranges = CHANGES[name]
    policy = policies.Policy(on_device=(policies.Op(change, compiled=False, **ranges),))
    images, noise = _images(), _noise(policy)
    eager = policy(tf.constant(images), noise).numpy()
    assert (eager != images).any(axis=(1, 2, 3)).sum() >= 4
    dataset = tf.data.Dataset.from_tensor_slices((images, noise)).batch(8, drop_remainder=True)
    mapped = next(iter(dataset.map(policy))).numpy()
    assert np.array_equal(mapped, eager)
    assert np.array_equal(_in_replicas(two_devices, policy, dataset), eager)


@pytest.mark.parametrize("name", ["flip", "flip_crop", "reference", "forensic"])
def test_a_policy_gives_the_same_bits_on_one_and_two_replicas_and_in_micro_batches(
    name, two_devices
):
    policy = policies.POLICIES[name]
    images, noise = _images(), _noise(policy)
    whole = policy(tf.constant(images), noise).numpy()
    assert whole.dtype == np.uint8
    assert not np.array_equal(whole, images)
    dataset = tf.data.Dataset.from_tensor_slices((images, noise)).batch(8, drop_remainder=True)
    assert np.array_equal(_in_replicas(two_devices, policy, dataset), whole)
    assert np.array_equal(policy(tf.constant(images[2:6]), noise[2:6]), whole[2:6])


def test_floats_stay_floats():
    policy = policies.POLICIES["reference"]
    images, noise = _images(2), _noise(policy, 2)
    found = policy(tf.constant(images, tf.float32), noise)
    assert found.dtype == tf.float32
    assert np.abs(found - tf.cast(policy(tf.constant(images), noise), tf.float32)).max() <= 2


def test_no_augmentation_changes_nothing():
    images, policy = tf.constant(_images(2)), policies.POLICIES["none"]
    assert policy(images, _noise(policy, 2)) is images
    assert policy.decoded(images[0], _noise(policy, 1)[0]) is not None
    assert np.array_equal(policy.decoded(images[0], _noise(policy, 1)[0]), images[0])


def test_the_numbers_of_an_example_follow_from_seed_epoch_and_position():
    policy = policies.POLICIES["forensic"]

    def noise(seed, epoch, position):
        return policy.noise(seed, epoch, tf.constant(position, tf.int64)).numpy()

    first = noise(1, 2, 3)
    assert first.shape == (policy.num_numbers,)
    assert np.array_equal(first, noise(1, 2, 3))
    for other in (noise(2, 2, 3), noise(1, 3, 3), noise(1, 2, 4)):
        assert not np.isin(other, first).any()


def test_parameters_come_evenly_from_their_range_and_as_many_are_changed_as_the_chance_says():
    def note(images, *, value):
        return tf.zeros_like(images) + value[:, None, None, None]

    op = policies.Op(note, chance=0.25, compiled=False, value=(10.0, 20.0))
    numbers = tf.constant(np.random.default_rng(0).random((4000, 2)), tf.float32)
    found = op.of_batch(tf.fill([4000, 1, 1, 1], -1.0), numbers).numpy().ravel()
    drawn = found[found >= 0]
    assert 900 < len(drawn) < 1100
    assert (drawn.min(), drawn.mean(), drawn.max()) == pytest.approx((10, 15, 20), abs=0.2)


@hypothesis.given(st.lists(st.booleans(), min_size=1, max_size=20))
def test_images_that_are_spared_are_not_computed_and_the_others_are_the_same(chosen):
    computed = []

    def change(images, factor):
        computed.append(len(images))
        return light.brightness(images, factor=factor)

    options = {"chance": 0.5, "compiled": False, "factor": (0.3, 1.7)}
    images = tf.constant(_images(len(chosen), 2))
    numbers = tf.constant([[0.2 if c else 0.8, i / 20] for i, c in enumerate(chosen)])
    whole = policies.Op(light.brightness, **options).of_batch(images, numbers)
    found = policies.Op(change, sparing=True, **options).of_batch(images, numbers)
    assert np.array_equal(found, whole)
    assert computed == [min(8, len(chosen))] * -(-sum(chosen) // 8)


def test_no_two_ops_share_a_number():
    def add(images, *, value):
        return images + value[:, None, None, None]

    ops = (
        policies.Op(add, compiled=False, value=(0.0, 1.0)),
        policies.Op(add, compiled=False, value=(0.0, 10.0)),
    )
    policy = policies.Policy(on_device=ops)
    noise = tf.constant([[0.0, 0.5, 0.0, 0.25]])
    assert policy.num_numbers == 4
    assert float(policy(tf.zeros([1, 1, 1, 1]), noise)[0, 0, 0, 0]) == 3.0


def test_while_decoding_half_of_the_images_are_stored_again():
    policy = policies.POLICIES["forensic"]
    image = tf.constant(_images(1)[0])
    noises = tf.data.Dataset.from_tensor_slices(_noise(policy, 40))
    found = list(noises.map(lambda noise: policy.decoded(image, noise)).as_numpy_iterator())
    changed = sum(not np.array_equal(decoded, image) for decoded in found)
    assert 12 <= changed <= 28
    assert len({decoded.tobytes() for decoded in found}) > 10


def test_the_configuration_knows_each_policy():
    assert tuple(policies.POLICIES) == choices.AUGMENTATIONS
