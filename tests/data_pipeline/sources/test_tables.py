import pytest

from data_pipeline.sources import entries, tables
from tfrecords import exits


def _read(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    (entry,) = entries.find(tmp_path)
    return tables.read(entry, tmp_path)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("delimiter", [b",", b";", b"\t"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_rows_are_read_however_they_are_divided(tmp_path, mark, delimiter, end):
    lines = [b"path| label |n", b'"a b.jpg"|real|1', b"", b"b.jpg|fake", b"c.jpg|x|2|3|4"]
    table = _read(tmp_path, mark + end.join(lines).replace(b"|", delimiter) + end)
    assert table.columns == ("path", "label", "n")
    assert list(table.rows()) == [
        (2, {"path": "a b.jpg", "label": "real", "n": "1"}),
        (4, {"path": "b.jpg", "label": "fake", "n": ""}),
        (5, {"path": "c.jpg", "label": "x", "n": "2"}),
    ]


def test_a_quoted_name_may_hold_a_line_break(tmp_path):
    table = _read(tmp_path, b'path,label\n"two\nlines.jpg",real\n')
    assert list(table.rows()) == [(3, {"path": "two\nlines.jpg", "label": "real"})]


@pytest.mark.parametrize("end", ["le", "be"])
def test_a_file_in_utf16_is_read(tmp_path, end):
    table = _read(tmp_path, "\ufeffpath;label\r\nä.jpg;real\r\n".encode(f"utf-16-{end}"))
    assert list(table.rows()) == [(2, {"path": "ä.jpg", "label": "real"})]


def test_a_file_whose_lines_end_as_on_an_old_macintosh_is_read(tmp_path):
    table = _read(tmp_path, b"path;a,b\rx;y\r")
    assert list(table.rows()) == [(2, {"path;a": "x;y", "b": ""})]


def test_a_file_without_a_line_of_columns_has_none(tmp_path):
    assert _read(tmp_path, b'"' + b"x" * 200_000).columns == ()


def test_an_unnamed_column_has_an_empty_name(tmp_path):
    assert _read(tmp_path, b",path\n0,x\n").columns == ("", "path")


def test_a_cell_without_an_end_is_named(tmp_path):
    table = _read(tmp_path, b"path\nx\n" + b'"' + b"y" * 200_000)
    with pytest.raises(exits.DataError, match=r"a.csv, line \d, is no row of a csv file: field la"):
        list(table.rows())


def test_a_file_that_is_gone_is_named(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"path\n")
    (entry,) = entries.find(tmp_path)
    (tmp_path / "a.csv").unlink()
    with pytest.raises(exits.DataError, match="a.csv cannot be read: No such file"):
        tables.read(entry, tmp_path)
