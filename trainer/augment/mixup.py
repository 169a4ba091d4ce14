"""Mixup: each image of a global batch with a share of another one, and the labels with it.

Zhang et al. 2018, arXiv:1710.09412. Images are mixed where the whole global batch lies together, as
decoded and before they go to the replicas. So an example is the same however its batch is cut into
replicas and micro-batches; what the policy does on the device is done to the mixed image.
"""

import tensorflow as tf

# Keeps the draws from those of the policies, whose seeds are below.
_SEED_OFFSET = 1 << 60


def mix(
    batch: dict[str, tf.Tensor], *, alpha: float, seed: int, epoch: int
) -> dict[str, tf.Tensor]:
    """Mixes each image with the next one of its batch, the last one with the first.

    Args:
      batch: a whole global batch, with `image` uint8 [batch, size, size, 3], `label` int64 [batch]
        and `position` int64 [batch].
      alpha: above 0; shares follow Beta(alpha, alpha), so that small values mix little.
      seed: of the run; from it, the epoch and the positions the shares follow.
      epoch: counted over all phases.

    Returns:
      The batch with mixed images, still uint8, and `partner_label` int64 [batch] and `share`
      float32 [batch]: how much of its own image and label an example keeps, at least a half.
    """
    shares = _shares(batch["position"], alpha, seed, epoch)
    images = tf.cast(batch["image"], tf.float32)
    partners = tf.roll(images, -1, axis=0)
    own = shares[:, None, None, None]
    mixed = tf.cast(tf.round(own * images + (1 - own) * partners), tf.uint8)
    partner_labels = tf.roll(batch["label"], -1, axis=0)
    return {**batch, "image": mixed, "partner_label": partner_labels, "share": shares}


def _shares(positions: tf.Tensor, alpha: float, seed: int, epoch: int) -> tf.Tensor:
    """Returns numbers in [.5, 1], float32 [batch]: Beta(alpha, alpha) of two gammas, folded."""
    key = tf.stack([tf.cast(_SEED_OFFSET + seed * 1_000_003 + epoch, tf.int64), positions[0]])
    # In float64 small ones are seldom 0 both.
    gammas = tf.random.stateless_gamma(
        [2, positions.shape[0]], key, tf.constant(alpha, tf.float64), dtype=tf.float64
    )
    shares = tf.math.divide_no_nan(gammas[0], gammas[0] + gammas[1])
    return tf.cast(tf.maximum(shares, 1 - shares), tf.float32)
