import numpy as np
import pytest
import tensorflow as tf

from trainer.augment import mixup


def _batch(size=4, first=8):
    random = np.random.default_rng(0)
    return {
        "image": tf.constant(random.integers(0, 256, (size, 3, 3, 3), dtype=np.uint8)),
        "label": tf.constant([index % 3 for index in range(size)], tf.int64),
        "position": tf.range(first, first + size, dtype=tf.int64),
        "weight": tf.ones(size),
    }


def test_each_image_is_mixed_with_the_next_by_its_share():
    batch = _batch()
    mixed = mixup.mix(batch, alpha=1.0, seed=3, epoch=2)
    images, shares = batch["image"].numpy().astype(np.float32), mixed["share"].numpy()
    for index in range(4):
        own, partner = images[index], images[(index + 1) % 4]
        expected = shares[index] * own + (1 - shares[index]) * partner
        assert np.abs(mixed["image"][index].numpy() - expected).max() <= 0.5 + 1e-4
    assert mixed["partner_label"].numpy().tolist() == [1, 2, 0, 0]
    assert mixed["label"] is batch["label"]
    assert mixed["image"].dtype == tf.uint8


def test_shares_keep_at_least_a_half_and_follow_the_beta_distribution():
    shares = mixup._shares(tf.range(20_000, dtype=tf.int64), 0.5, 0, 0).numpy()
    assert 0.5 <= shares.min() < shares.max() <= 1
    # Beta(1/2, 1/2) is the arcsine law: the quartile of the folded one lies at sin(3/8 pi) ** 2.
    assert np.quantile(shares, 0.5) == pytest.approx(np.sin(np.pi * 3 / 8) ** 2, abs=0.01)


def test_shares_of_the_smallest_alpha_are_numbers():
    shares = mixup._shares(tf.range(20_000, dtype=tf.int64), 0.01, 0, 0).numpy()
    assert np.isfinite(shares).all()
    assert shares.mean() > 0.97


def test_shares_follow_from_seed_epoch_and_position():
    def shares(first=8, seed=3, epoch=2):
        return mixup.mix(_batch(first=first), alpha=1.0, seed=seed, epoch=epoch)["share"].numpy()

    first = shares()
    assert np.array_equal(shares(), first)
    for other in (shares(first=12), shares(seed=4), shares(epoch=3)):
        assert not np.array_equal(other, first)


def test_it_is_the_same_inside_a_dataset():
    batch = _batch()
    (found,) = tf.data.Dataset.from_tensors(batch).map(
        lambda b: mixup.mix(b, alpha=0.4, seed=1, epoch=0)
    )
    expected = mixup.mix(batch, alpha=0.4, seed=1, epoch=0)
    for name, value in expected.items():
        assert np.array_equal(found[name].numpy(), value.numpy()), name
