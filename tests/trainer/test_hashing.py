import tensorflow as tf

from trainer import hashing


def test_the_bits_are_those_of_the_finaliser_of_murmur_hash_3():
    # Computed with whole numbers of any length: x ^= x >> 16; x *= 0x85ebca6b; ... modulo 2**32.
    mixed = hashing.mix(tf.constant([0, 1, 2, 0xFFFFFFFF], tf.uint32))
    assert mixed.numpy().tolist() == [_finalise(number) for number in (0, 1, 2, 0xFFFFFFFF)]
    assert mixed.numpy().tolist()[:2] == [0, 0x514E28B7]


def _finalise(number):
    number ^= number >> 16
    number = number * 0x85EBCA6B % 2**32
    number ^= number >> 13
    number = number * 0xC2B2AE35 % 2**32
    return number ^ number >> 16
