"""`tf.train.Example` without TensorFlow: its protocol buffer, encoded and decoded by hand.

The bytes equal those of `tf.train.Example.SerializeToString(deterministic=True)` in Python: keys in
order, numbers packed. Its order puts a key before its own prefixes, `image_id` before `image`. The
messages are those of TensorFlow's `core/example/example.proto` and `feature.proto`.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence

from tfrecords import exits

Value = bytes | str | int | float
Feature = Value | Sequence[Value]

_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = 1, 2, 3  # the oneof of tf.train.Feature
_LENGTH_DELIMITED = 2


def encode(features: Mapping[str, Feature]) -> bytes:
    """Returns a serialised `tf.train.Example`.

    Args:
      features: by name a value or a sequence of values of one type. `str` is stored as UTF-8
        bytes, `bool` and `int` as int64, `float` as float32. An empty sequence is an empty
        feature.

    Raises:
      TypeError: a value is of another type, or a sequence mixes types.
    """
    entries = (
        _field(1, name.encode()) + _field(2, _encode_feature(name, feature))
        for name, feature in sorted(features.items(), key=_order)
    )
    return _field(1, b"".join(_field(1, entry) for entry in entries))


def decode(serialized: bytes) -> dict[str, list[bytes] | list[int] | list[float]]:
    """Returns the features of a serialised `tf.train.Example`, each as a list.

    Raises:
      DataError: the bytes are no such message.
    """
    try:
        return {
            name: values
            for _, message in _fields(serialized)
            for _, entry in _fields(message)
            for name, values in [_decode_entry(entry)]
        }
    except (IndexError, KeyError, UnicodeDecodeError, struct.error) as error:
        raise exits.DataError(f"A record is no tf.train.Example: {error!r}.") from error


def _order(item: tuple[str, Feature]) -> bytes:
    # 0xFF occurs in no UTF-8, so that the end of a key comes after any continuation of it.
    return item[0].encode() + b"\xff"


def _encode_feature(name: str, feature: Feature) -> bytes:
    values = [feature] if isinstance(feature, Value) else list(feature)
    kinds = {int if isinstance(value, bool) else type(value) for value in values}
    if not kinds:
        return b""
    if kinds <= {bytes, str}:
        raw = (v.encode() if isinstance(v, str) else v for v in values)
        return _field(_BYTES_LIST, b"".join(_field(1, value) for value in raw))  # type: ignore[arg-type]
    if kinds == {int}:
        return _field(_INT64_LIST, _field(1, b"".join(map(_varint, values))))  # type: ignore[arg-type]
    if kinds == {float}:
        return _field(_FLOAT_LIST, _field(1, struct.pack(f"<{len(values)}f", *values)))
    names = sorted(kind.__name__ for kind in kinds)
    raise TypeError(f"Feature {name!r} must hold bytes, str, int or float. Received: {names}.")


def _varint(number: int) -> bytes:
    number &= 0xFFFF_FFFF_FFFF_FFFF  # negative numbers are stored as two's complement
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _field(number: int, payload: bytes) -> bytes:
    return bytes([number << 3 | _LENGTH_DELIMITED]) + _varint(len(payload)) + payload


def _decode_entry(entry: bytes) -> tuple[str, list[bytes] | list[int] | list[float]]:
    parts = dict(_fields(entry))
    for kind, message in _fields(parts[2]):
        payloads = [payload for _, payload in _fields(message)]
        if kind == _BYTES_LIST:
            return parts[1].decode(), payloads
        packed = b"".join(payloads)
        if kind == _FLOAT_LIST:
            return parts[1].decode(), list(struct.unpack(f"<{len(packed) // 4}f", packed))
        return parts[1].decode(), list(_decode_varints(packed))
    return parts[1].decode(), []


def _decode_varints(packed: bytes) -> Iterator[int]:
    position = 0
    while position < len(packed):
        number, position = _read_varint(packed, position)
        yield number - (1 << 64) if number >> 63 else number


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[position]
        number |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return number, position


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yields (field number, payload) of a message whose fields are all length-delimited."""
    position = 0
    while position < len(message):
        tag, position = _read_varint(message, position)
        length, position = _read_varint(message, position)
        if tag & 7 != _LENGTH_DELIMITED or position + length > len(message):
            raise IndexError(f"field {tag >> 3} at byte {position}")
        yield tag >> 3, message[position : position + length]
        position += length
