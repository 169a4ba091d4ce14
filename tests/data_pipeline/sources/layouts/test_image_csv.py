import os
import pathlib
import zipfile

import pytest

from data_pipeline.sources import entries
from data_pipeline.sources.layouts.image_csv import image_csv
from data_pipeline.sources.layouts.options import SourceOptions
from tfrecords import exits


def _write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def _zipped(root):
    path = root.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(root.rglob("*")):
            archive.write(file, file.relative_to(root))
    return path


def _references(listing):
    return [
        (item.image_id, item.targets["label"], item.group_id, item.split)
        for item in listing.references
    ]


def _rejects(listing):
    return [(item.image_id, item.reason) for item in listing.rejects]


ROWS = """\
file,kind,person
images/1.jpg,REAL,anna
images/2.jpg,fake,anna
"images/a,b.jpg",Fake,
images/1.jpg,real,anna
images/3.jpg,real,bert
images/3.jpg,fake,bert
images/4.jpg,real,bert
images/4.jpg,real,carl
images/5.jpg,,carl
images/gone.jpg,real,carl
images/gone.jpg,real,carl
,real,carl
/etc/passwd,real,carl
C:\\x.jpg,real,carl
../outside.jpg,real,carl
./images\\6.jpg,real,dora
"""
COLUMNS = SourceOptions(path_column="file", label_column="kind", group_column="person")
IMAGES = {f"images/{name}.jpg": name for name in ("1", "2", "a,b", "3", "4", "5", "6", "unnamed")}


@pytest.mark.parametrize("around", ["", "set/"])
@pytest.mark.parametrize("pack", [pathlib.Path, _zipped])
def test_rows_give_labels_and_groups_and_each_other_file_is_accounted_for(tmp_path, around, pack):
    _write(tmp_path / "source" / around, {**IMAGES, "labels.csv": ROWS})
    listing = image_csv(pack(tmp_path / "source"), COLUMNS)
    assert _references(listing) == [
        ("images/1.jpg", 0, "anna", None),
        ("images/2.jpg", 1, "anna", None),
        ("images/6.jpg", 0, "dora", None),
        ("images/a,b.jpg", 1, "images/a,b.jpg", None),
    ]
    assert _rejects(listing) == [
        ("images/gone.jpg", "absent"),
        ("labels.csv:13", "absent"),
        ("/etc/passwd", "unsafe_name"),
        ("C:\\x.jpg", "unsafe_name"),
        ("../outside.jpg", "unsafe_name"),
        ("images/3.jpg", "label_disagrees"),
        ("images/4.jpg", "group_disagrees"),
        ("images/5.jpg", "no_label"),
        ("images/unnamed.jpg", "no_label"),
    ]
    assert listing.notes == (
        "Rows whose file is not there: 2.",
        "Files without a label: 2.",
        "Rows that name a file again: 3.",
    )
    assert listing.targets["label"].class_names == ("real", "fake")
    assert listing.references[3].location.read() == b"a,b"


def test_a_csv_file_as_the_source_finds_no_file_but_its_own(tmp_path):
    _write(tmp_path, {**IMAGES, "labels.csv": ROWS, "secret.txt": ""})
    (tmp_path.parent / "outside.jpg").write_text("")
    listing = image_csv(tmp_path / "labels.csv", COLUMNS)
    assert [item[0] for item in _references(listing)] == [
        "images/1.jpg",
        "images/2.jpg",
        "images/6.jpg",
        "images/a,b.jpg",
    ]
    assert ("../outside.jpg", "unsafe_name") in _rejects(listing)
    assert not {"secret.txt", "images/unnamed.jpg"} & {item[0] for item in _rejects(listing)}


@pytest.mark.parametrize("path", ["1.jpg", "../images/1.jpg", "images/1.jpg", "./images/1.jpg"])
def test_paths_are_relative_to_the_csv_file_or_to_the_source(tmp_path, path):
    folder = "images" if path == "1.jpg" else "lists"
    rows = f"path,label\n{path},real\n{path.replace('1', '2')},fake\n"
    _write(
        tmp_path, {"images/1.jpg": "", "images/2.jpg": "", "readme": "", f"{folder}/all.csv": rows}
    )
    assert _references(image_csv(tmp_path, SourceOptions()))[0][:2] == ("images/1.jpg", 0)


def test_names_of_any_bytes_and_semicolons_and_a_byte_order_mark_are_read(tmp_path):
    name = os.fsdecode(b"caf\xe9.jpg")
    _write(tmp_path, {name: "", "日本.jpg": ""})
    (tmp_path / "all.csv").write_bytes(
        b"\xef\xbb\xbfpath;label\r\ncaf\xe9.jpg;a\r\n\r\n" + "日本.jpg;b\r\n".encode()
    )
    listing = image_csv(tmp_path, SourceOptions())
    assert [item[:2] for item in _references(listing)] == [(name, 0), ("日本.jpg", 1)]


@pytest.mark.parametrize("labels", [("1", "0"), ("1.0", "0.0")])
def test_numbers_have_the_names_that_they_are_given(tmp_path, labels):
    _write(tmp_path, {f"{index}.jpg": "" for index in range(4)})
    rows = f"path,label\n0.jpg,{labels[0]}\n1.jpg,{labels[1]}\n2.jpg,2\n3.jpg,swap\n"
    _write(tmp_path, {"all.csv": rows})
    with pytest.raises(exits.UsageError, match=r"column label need names. Received: 0, 1, 2. Say"):
        image_csv(tmp_path, SourceOptions())
    values = {"0": "fake", "1": "real", "swap": "fake"}
    listing = image_csv(tmp_path, SourceOptions(label_values=values))
    assert [item[:2] for item in _references(listing)] == [("0.jpg", 0), ("1.jpg", 1), ("3.jpg", 1)]
    assert _rejects(listing) == [("2.jpg", "unknown_label")]


def test_truth_values_need_names_too(tmp_path):
    _write(tmp_path, {"1.jpg": "", "2.jpg": "", "all.csv": "path,fake\n1.jpg,True\n2.jpg,False\n"})
    with pytest.raises(exits.UsageError, match="Received: false, true"):
        image_csv(tmp_path, SourceOptions(label_column="fake"))


def test_csv_files_called_after_splits_are_the_splits(tmp_path):
    files = {f"{index}.jpg": "" for index in range(5)}
    _write(tmp_path, files)
    _write(
        tmp_path,
        {
            "train.csv": "path,label\n0.jpg,a\n1.jpg,b\n4.jpg,a\n",
            "val.csv": "path,label\n2.jpg,a\n4.jpg,a\n",
            "test.csv": "path,id\n3.jpg,7\n",
        },
    )
    listing = image_csv(tmp_path, SourceOptions())
    assert _references(listing) == [
        ("0.jpg", 0, "0.jpg", "train"),
        ("1.jpg", 1, "1.jpg", "train"),
        ("2.jpg", 0, "2.jpg", "validation"),
    ]
    assert [(item.image_id, item.reason, item.detail) for item in listing.rejects] == [
        ("4.jpg", "group_disagrees", "rows say train and validation"),
        ("3.jpg", "no_label", "no row names it"),
        ("test.csv", "no_label", "no row names it"),
    ]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"1.jpg": ""}, "holds no csv file with columns path, label. Received: no csv file"),
        ({"a.csv": "x,y\n"}, r"Received: a.csv \(x, y\). Name its columns with --path_column"),
        ({"a.csv": ""}, r"Received: a.csv \(\)"),
        (
            {"a.csv": "path,label\n", "train.csv": "path,label\n"},
            "holds several .*: a.csv, train.csv",
        ),
        (
            {"a.csv": "path,label\n1.jpg,real\n", "1.jpg": ""},
            "labels of two or more .*Received: real",
        ),
        (
            {"a.csv": "path,label\n1,real\n2,fake\n", "1.jpg": "", "2.jpg": ""},
            r"no row of a\.csv names a file that is there\. The first is 1: a\.csv, line 2, names",
        ),
        ({"a.csv": "path,label\n"}, r"no row of a\.csv .* There is no row\."),
        ({"a.csv": "path,label\n1.jpg,\n", "1.jpg": ""}, "labels of two or more .*: none"),
        (
            {"a.csv": "path,label\n1.jpg,a\n" + 'x"' * 9 + '"\n"' + "x" * 200_000},
            "is no row of a csv",
        ),
    ],
)
def test_tables_of_no_use_are_named(tmp_path, files, words):
    with pytest.raises(exits.DataError, match=f"(?s)(--source=|a.csv, line).*{words}"):
        image_csv(_write(tmp_path, files), SourceOptions())


def test_paths_that_are_written_out_to_the_source_are_followed(tmp_path):
    rows = f"{tmp_path}/1.jpg,a\n{tmp_path}/x/2.jpg,b\n{tmp_path}.jpg,b\n/x/2.jpg,b\n"
    _write(tmp_path, {"1.jpg": "", "x/2.jpg": "", "all.csv": f"path,label\n{rows}"})
    for source in (tmp_path, tmp_path / "all.csv"):
        listing = image_csv(source, SourceOptions())
        assert [item.image_id for item in listing.references] == ["1.jpg", "x/2.jpg"]
        assert _rejects(listing) == [
            (f"{tmp_path}.jpg", "unsafe_name"),
            ("/x/2.jpg", "unsafe_name"),
        ]


def test_a_csv_file_that_is_too_large_for_an_image_is_read_where_it_is_the_source(
    tmp_path, monkeypatch
):
    _write(tmp_path, {"1.jpg": "", "2.jpg": "", "all.csv": "path,label\n1.jpg,a\n2.jpg,b\n"})
    monkeypatch.setattr(entries.find, "__defaults__", (10, 10))
    with pytest.raises(exits.DataError, match=r"Received: all.csv \(27 bytes, at most 10\)"):
        image_csv(tmp_path, SourceOptions())
    assert len(image_csv(tmp_path / "all.csv", SourceOptions()).references) == 2


def test_an_absent_csv_file_is_named(tmp_path):
    with pytest.raises(exits.DataError, match="there is no such directory or archive"):
        image_csv(tmp_path / "a.csv", SourceOptions())


@pytest.mark.parametrize("name", ["/etc/x.jpg", "../x.jpg"])
def test_an_unsafe_member_of_an_archive_is_no_file_of_a_row(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        archive.writestr("all.csv", f"path,label\n1.jpg,a\n2.jpg,b\n{name},b\n")
        for member in ("1.jpg", "2.jpg", name):
            archive.writestr(member, "x")
    listing = image_csv(tmp_path / "s.zip", SourceOptions())
    assert len(listing.references) == 2
    assert {reason for _, reason in _rejects(listing)} == {"unsafe_name"}
