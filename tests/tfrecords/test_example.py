import hypothesis
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from tfrecords import example, exits

FEATURES = st.dictionaries(
    st.text(max_size=8),
    st.one_of(
        st.lists(st.binary(max_size=300), min_size=1, max_size=3),
        st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=4),
        st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=4),
        st.just([]),
    ),
    max_size=5,
)


def _theirs(features):
    def feature(values):
        if not values:
            return tf.train.Feature()
        if isinstance(values[0], bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
        if isinstance(values[0], float):
            return tf.train.Feature(float_list=tf.train.FloatList(value=values))
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    message = tf.train.Example(
        features=tf.train.Features(feature={k: feature(v) for k, v in features.items()})
    )
    return message.SerializeToString(deterministic=True)


@hypothesis.given(FEATURES)
def test_the_bytes_equal_tensorflows_deterministic_serialisation(features):
    assert example.encode(features) == _theirs(features)


@hypothesis.given(FEATURES)
def test_decoding_gives_back_what_was_encoded(features):
    assert example.decode(example.encode(features)) == features


def test_single_values_text_and_bool_are_taken():
    encoded = example.encode({"a": "é", "b": True, "c": 1.5, "d": b"x"})
    assert example.decode(encoded) == {"a": [b"\xc3\xa9"], "b": [1], "c": [1.5], "d": [b"x"]}


def test_a_key_stands_before_its_own_prefix():
    assert list(example.decode(example.encode({"a": 1, "ab": 2, "b": 3}))) == ["ab", "a", "b"]


def test_known_bytes():
    assert example.encode({"n": 3}) == b"\n\x0c\n\n\n\x01n\x12\x05\x1a\x03\n\x01\x03"


def test_mixed_types_are_refused():
    with pytest.raises(TypeError, match=r"'a' must hold .* Received: \['int', 'str'\]"):
        example.encode({"a": ["x", 1]})


@hypothesis.given(st.binary(max_size=40))
def test_arbitrary_bytes_decode_or_are_a_data_error(data):
    try:
        example.decode(data)
    except exits.DataError:
        pass
