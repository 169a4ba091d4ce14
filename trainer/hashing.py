"""Random bits from counters: nothing is stored, and the same counter gives the same bits anywhere.

Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3", with a hash that is cheap on
every device.
"""

import tensorflow as tf


def mix(bits: tf.Tensor) -> tf.Tensor:
    """Returns bits each of which depends on all those given, uint32 of the same shape.

    It is the finaliser of MurmurHash3 (Appleby 2011), which changes half of the output bits for
    each bit of input.

    Args:
      bits: uint32 of any shape.
    """
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        shifted = tf.bitwise.right_shift(bits, tf.constant(shift, tf.uint32))
        bits = tf.bitwise.bitwise_xor(bits, shifted) * tf.constant(factor, tf.uint32)
    return tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(16, tf.uint32)))
