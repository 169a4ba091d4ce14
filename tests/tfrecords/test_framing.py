import hashlib

import hypothesis
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from tfrecords import exits, framing


def test_masked_checksum_of_a_known_string():
    # CRC-32C of "123456789" is 0xE3069283 (RFC 3720); rotated right by 15, plus 0xA282EAD8.
    rotated = (0xE3069283 >> 15 | 0xE3069283 << 17) & 0xFFFFFFFF
    assert framing.masked_crc32c(b"123456789") == (rotated + 0xA282EAD8) & 0xFFFFFFFF


@pytest.mark.parametrize("records", [[], [b""], [b"a", b"", b"b" * 100_000]])
def test_the_file_equals_that_of_tensorflow(tmp_path, records):
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        for record in records:
            writer.write(record)
    with framing.RecordWriter(tmp_path / "ours") as ours:
        for record in records:
            ours.write(record)
    content = (tmp_path / "ours").read_bytes()
    assert content == (tmp_path / "theirs").read_bytes()
    assert ours.records == len(records)
    assert ours.num_bytes == len(content)
    assert ours.sha256 == hashlib.sha256(content).hexdigest()
    assert list(framing.read_records(tmp_path / "ours")) == records


@hypothesis.given(
    records=st.lists(st.binary(max_size=20), min_size=1, max_size=4),
    cut=st.integers(min_value=1, max_value=200),
)
def test_a_cut_file_gives_whole_records_and_then_an_error_or_the_end(
    tmp_path_factory, records, cut
):
    path = tmp_path_factory.mktemp("cut") / "shard"
    content = b"".join(framing.frame(record) for record in records)
    path.write_bytes(content[: -(cut % len(content)) or None])
    read = []
    try:
        for record in framing.read_records(path):
            read.append(record)
    except exits.DataError as error:
        assert f"Record {len(read)} of {path}" in str(error)
    assert read == records[: len(read)]


def test_a_flipped_bit_is_found_and_its_record_is_named(tmp_path):
    path = tmp_path / "shard"
    content = bytearray(framing.frame(b"first") + framing.frame(b"second"))
    content[-6] ^= 1
    path.write_bytes(content)
    reading = framing.read_records(path)
    assert next(reading) == b"first"
    with pytest.raises(exits.DataError, match=r"Record 1 of .*shard fails its checksum"):
        next(reading)


def test_a_damaged_length_is_found(tmp_path):
    path = tmp_path / "shard"
    content = bytearray(framing.frame(b"first"))
    content[0] ^= 1
    path.write_bytes(content)
    with pytest.raises(exits.DataError, match="Record 0 of .*shard has a damaged header"):
        next(framing.read_records(path))


@hypothesis.given(records=st.lists(st.binary(max_size=20), max_size=4))
def test_records_are_read_by_their_offsets_too(tmp_path_factory, records):
    path = tmp_path_factory.mktemp("offsets") / "shard"
    path.write_bytes(b"".join(framing.frame(record) for record in records))
    assert [framing.read_record(path, offset) for offset in framing.offsets(path)] == records


def test_a_damaged_payload_does_not_hide_what_stands_behind_it(tmp_path):
    path = tmp_path / "shard"
    content = bytearray(framing.frame(b"first") + framing.frame(b"second"))
    content[12] ^= 1
    path.write_bytes(content)
    first, second = framing.offsets(path)
    with pytest.raises(
        exits.DataError, match=r"The record at byte 0 of .*shard fails its checksum"
    ):
        framing.read_record(path, first)
    assert framing.read_record(path, second) == b"second"


def test_the_last_record_may_be_cut(tmp_path):
    path = tmp_path / "shard"
    path.write_bytes((framing.frame(b"first") + framing.frame(b"second"))[:-1])
    found = framing.offsets(path)
    assert next(found) == 0
    with pytest.raises(exits.DataError, match="Record 1 of .*shard is cut off"):
        next(found)
