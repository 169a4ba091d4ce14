import errno
import os

import hypothesis
import pytest
from hypothesis import strategies as st

from tfrecords import framing, salvage

RECORDS = [b"first" * 9, b"", b"third" * 700, b"fourth"]
STARTS = [0, 61, 77, 3593]  # of their headers


def _write(path, content):
    path.write_bytes(content)
    return path


def _framed(records=RECORDS):
    return bytearray(b"".join(map(framing.frame, records)))


def _split(found):
    """Returns the records, and the gaps as (offset, size, problem)."""
    found = list(found)
    gaps = [item for item in found if isinstance(item, salvage.Gap)]
    return (
        [item for item in found if isinstance(item, bytes)],
        [(gap.offset, gap.size, gap.problem) for gap in gaps],
    )


def test_a_whole_file_has_no_gap(tmp_path):
    path = _write(tmp_path / "shard", _framed())
    assert list(salvage.read_records(path)) == RECORDS


def test_an_empty_file_has_nothing(tmp_path):
    assert list(salvage.read_records(_write(tmp_path / "shard", b""))) == []


def test_a_damaged_payload_costs_its_record_and_is_shown(tmp_path):
    content = _framed()
    content[STARTS[2] + 50] ^= 1
    found = list(salvage.read_records(_write(tmp_path / "shard", content)))
    assert [found[0], found[1], found[3]] == [RECORDS[0], RECORDS[1], RECORDS[3]]
    gap = found[2]
    assert (gap.offset, gap.size, gap.problem) == (77, 3516, "fails its checksum")
    assert len(gap.payload) == 3500
    assert sum(a != b for a, b in zip(gap.payload, RECORDS[2], strict=True)) == 1


@pytest.mark.parametrize("byte", range(12))
def test_a_damaged_header_costs_its_record(tmp_path, byte):
    content = _framed()
    content[STARTS[2] + byte] ^= 0x10
    records, gaps = _split(salvage.read_records(_write(tmp_path / "shard", content)))
    assert records == [RECORDS[0], RECORDS[1], RECORDS[3]]
    assert gaps == [(77, 3516, "has a damaged header")]


def test_a_file_cut_off_loses_its_last_record(tmp_path):
    records, gaps = _split(salvage.read_records(_write(tmp_path / "shard", _framed()[:-3])))
    assert records == RECORDS[:3]
    assert gaps == [(3593, 19, "is cut off")]


def test_bytes_that_are_missing_cost_the_record_they_are_missing_from(tmp_path):
    content = _framed([*RECORDS, b"fifth" * 100])
    del content[STARTS[2] + 100 : STARTS[2] + 200]
    records, gaps = _split(salvage.read_records(_write(tmp_path / "shard", content)))
    assert records == [RECORDS[0], RECORDS[1], RECORDS[3], b"fifth" * 100]
    assert gaps == [(77, 3416, "fails its checksum")]


def test_a_record_behind_more_than_a_chunk_of_damage_is_found(tmp_path):
    content = bytes(3_000_001) + framing.frame(b"behind")
    records, gaps = _split(salvage.read_records(_write(tmp_path / "shard", content)))
    assert records == [b"behind"]
    assert gaps == [(0, 3_000_001, "has a damaged header")]


def test_sectors_that_cannot_be_read_cost_the_records_they_hold(tmp_path, monkeypatch):
    records = [bytes([index]) * 3000 for index in range(10)]
    path = _write(tmp_path / "shard", _framed(records))
    read = os.pread

    def failing(descriptor, num_bytes, offset):
        if offset < 2 * 4096 and offset + num_bytes > 4096:
            raise OSError(errno.EIO, "Input/output error")
        return read(descriptor, num_bytes, offset)

    monkeypatch.setattr(os, "pread", failing)
    saved, _ = _split(salvage.read_records(path))
    assert saved == [records[0], *records[3:]]


@hypothesis.given(
    records=st.lists(st.binary(max_size=40), min_size=1, max_size=6),
    place=st.integers(min_value=0),
    change=st.integers(min_value=1, max_value=255),
)
def test_a_changed_byte_costs_one_record(tmp_path_factory, records, place, change):
    content = _framed(records)
    place %= len(content)
    content[place] ^= change
    path = _write(tmp_path_factory.mktemp("changed") / "shard", content)
    saved, gaps = _split(salvage.read_records(path))
    ends = [len(_framed(records[: index + 1])) for index in range(len(records))]
    lost = next(index for index, end in enumerate(ends) if place < end)
    assert saved == records[:lost] + records[lost + 1 :]
    assert len(gaps) == 1
