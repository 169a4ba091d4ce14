import json

import numpy as np
import pytest

from trainer.features import tables

KEY = {"weights": "abc", "size": 16}


@pytest.fixture
def table(tmp_path):
    """A table of five rows of three features."""
    return tables.Table(tmp_path / "features", KEY, num_rows=5, num_features=3)


def _rows(first, last):
    rows = np.empty(last - first, tables.row_type(3))
    rows["index"] = range(first, last)
    rows["label"] = rows["index"] % 2
    rows["features"] = rows["index"][:, None] + [0.25, 0.5, 0.75]
    return rows


def test_rows_are_read_as_they_were_written(table):
    table.append(_rows(0, 3))
    assert table.read() is None
    table.append(_rows(3, 5))
    found = table.read()
    assert found["index"].tolist() == [0, 1, 2, 3, 4]
    assert found["label"].tolist() == [0, 1, 0, 1, 0]
    assert found["features"][4].tolist() == [4.25, 4.5, 4.75]
    assert found["features"].dtype == np.float16


def test_its_size_is_known_before_and_what_is_left_of_it(table):
    assert table.num_bytes == table.num_bytes_left == 5 * (8 + 8 + 3 * 2)
    table.append(_rows(0, 3))
    assert (table.num_done, table.num_bytes_left) == (3, 2 * 22)


@pytest.mark.parametrize("surplus", [b"", b"half a row", b"\0" * 22 * 4])
def test_what_a_kill_has_cut_is_written_over(table, surplus):
    table.append(_rows(0, 3))
    with next(table.directory.glob("*.rows")).open("ab") as file:
        file.write(surplus)
    assert table.num_done == 3
    table.append(_rows(3, 5))
    assert table.read()["index"].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("damage", ["no note", "half a note", "fewer rows"])
def test_it_starts_anew_where_note_and_rows_do_not_fit(table, damage):
    table.append(_rows(0, 3))
    note, rows = next(table.directory.glob("*.json")), next(table.directory.glob("*.rows"))
    if damage == "no note":
        note.unlink()
    elif damage == "half a note":
        note.write_text(note.read_text()[:20])
    else:
        rows.write_bytes(rows.read_bytes()[:60])
    assert table.num_done == 0
    table.append(_rows(0, 5))
    assert table.read()["index"].tolist() == [0, 1, 2, 3, 4]


def test_a_changed_byte_is_noticed(table):
    table.append(_rows(0, 5))
    path = next(table.directory.glob("*.rows"))
    content = bytearray(path.read_bytes())
    content[50] ^= 1
    path.write_bytes(content)
    assert table.read() is None
    assert table.num_done == 0


def test_another_key_is_another_table(table, tmp_path):
    table.append(_rows(0, 5))
    other = tables.Table(table.directory, {**KEY, "size": 17}, num_rows=5, num_features=3)
    assert other.read() is None
    same = tables.Table(table.directory, dict(reversed(KEY.items())), num_rows=5, num_features=3)
    assert same.read() is not None


def test_the_key_can_be_read_by_people(table):
    table.append(_rows(0, 5))
    assert json.loads(next(table.directory.glob("*.json")).read_text())["key"] == KEY
