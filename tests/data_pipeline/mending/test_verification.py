import pytest

from data_pipeline import verify
from data_pipeline.mending import examination, verification
from tests import tiny
from tfrecords import directories, example, exits, framing, manifest

FIRST = "tiny-train.tfrecord-00000-of-00003"
SECOND = "tiny-train.tfrecord-00001-of-00003"


@pytest.fixture
def directory(tmp_path):
    return tiny.write(tmp_path)


def _flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def _replace_record(path, index, payload):
    """Gives a shard another record, with checksums that hold."""
    records = list(framing.read_records(path))
    records[index] = payload
    path.write_bytes(b"".join(map(framing.frame, records)))


def _said(directory, capsys, full=True):
    """Returns the lines about what is damaged."""
    with pytest.raises(exits.DataError, match=r"Repair it: python -m data_pipeline\.repair"):
        verification.verify(directory, full)
    return capsys.readouterr().out.splitlines()


def test_a_whole_dataset_is_said_to_be_whole(directory, capsys):
    verification.verify(directory, full=False)
    assert "9 shards with 74 records" in capsys.readouterr().out
    verification.verify(directory, full=True)
    assert capsys.readouterr().out.endswith("MB: each record is whole.\n")


def test_what_the_directory_shows_is_found_without_reading_records(directory, capsys):
    (directory / FIRST).unlink()
    (directory / SECOND).write_bytes((directory / SECOND).read_bytes()[:-1])
    (directory / "tiny-test.tfrecord-00003-of-00004").write_bytes(b"more")
    (directory / "label.labels.txt").write_text("fake\nreal\n")
    first, second, third, fourth = _said(directory, capsys, full=False)
    assert first == "label.labels.txt: is not what the manifest says"
    assert second.startswith("tiny-test.tfrecord-00003-of-00004: is surplus")
    assert third == f"{FIRST}: is missing"
    assert fourth.startswith(f"{SECOND}: was shortened: it has ")


def test_a_flipped_byte_is_found_by_a_full_reading_and_named(directory, capsys):
    shard = directory / SECOND
    start = len(framing.frame(next(framing.read_records(shard))))
    _flip(shard, start + 400)  # in the image of record 1
    verification.verify(directory, full=False)
    capsys.readouterr()
    assert _said(directory, capsys) == [
        f"{SECOND}: record 1 (train/0004.jpg) fails its checksum, at byte {start}"
    ]


def test_an_image_that_cannot_be_decoded_is_named(directory, capsys):
    record = next(framing.read_records(directory / FIRST))
    start = record.index(b"\xff\xd8\xff")
    _replace_record(directory / FIRST, 0, record[:start] + b"\0\0\0" + record[start + 3 :])
    (line,) = _said(directory, capsys)
    assert line.startswith(
        f"{FIRST}: record 0 (train/0000.jpg) has an image that cannot be decoded"
    )


def test_an_image_of_another_size_than_its_record_says_is_named(directory):
    content = manifest.read(directory)
    serialized = next(framing.read_records(directory / FIRST))
    record = examination.check(serialized, content)
    wrong = record.__class__(**{**vars(record), "height": 17}).serialize()
    assert examination.check(wrong, content) == (
        "has an image of (16, 16, 3), and says (17, 16, 3)"
    )


@pytest.mark.parametrize(
    ("features", "problem"),
    [
        ({"label": 2}, "has class 2 of target label, which has 2"),
        ({"label": -1}, "has class -1 of target label, which has 2"),
        ({"label": "real"}, "its label is not one int"),
        ({"more": 1}, "it has the features group_id, height, image, image_id, label, more, width"),
    ],
)
def test_a_record_that_is_not_as_the_manifest_says(directory, features, problem):
    serialized = next(framing.read_records(directory / FIRST))
    other = example.encode({**example.decode(serialized), **features})
    assert problem in examination.check(other, manifest.read(directory))


def test_bytes_that_are_no_example_are_said_to_be_none(directory):
    assert "no tf.train.Example" in examination.check(b"abc", manifest.read(directory))


def test_a_shard_of_other_records_is_found_by_its_sha256(directory, capsys):
    records = list(framing.read_records(directory / FIRST))
    content = b"".join(map(framing.frame, [records[1], records[0], *records[2:]]))
    (directory / FIRST).write_bytes(content)
    assert _said(directory, capsys) == [f"{FIRST}: has another sha256 than the manifest says"]


def test_many_damages_are_shown_up_to_a_number(directory, capsys, monkeypatch):
    monkeypatch.setattr(verification, "SHOWN", 1)
    for name in (FIRST, SECOND):
        (directory / name).unlink()
    assert _said(directory, capsys) == [f"{FIRST}: is missing", "and 1 more"]


def test_what_is_no_dataset_is_refused(tmp_path):
    with pytest.raises(exits.DataError, match="is no dataset"):
        verification.verify(tmp_path / "nothing", full=True)


def test_a_dataset_that_is_being_replaced_is_not_verified(directory):
    with (
        directories.replace(directory),
        pytest.raises(exits.DataError, match="is being replaced"),
    ):
        verification.verify(directory, full=False)


def test_the_command_takes_one_directory():
    assert verify.parse_flags(["verify", "--full", "data/x"]) == ["verify", "data/x"]
    for words in (["verify"], ["verify", "a", "b"]):
        with pytest.raises(exits.UsageError, match="Name the directory of one dataset"):
            verify.parse_flags(words)
