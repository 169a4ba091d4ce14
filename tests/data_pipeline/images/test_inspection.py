import hashlib

from data_pipeline import spool
from data_pipeline.images import appearance, inspection
from data_pipeline.images.image_policy import Reason, Rejection, Stored
from data_pipeline.sources.locations import File, Painting
from tests.data_pipeline import painted


def _look(location, batch=None, image_size=256):
    return inspection.look(inspection.read(location), image_size, batch)


def _file(tmp_path, content):
    path = tmp_path / "1.jpg"
    path.write_bytes(content)
    return File(str(path), len(content), 0)


def test_a_look_at_a_file_finds_its_hash_and_what_a_look_at_its_bytes_finds(tmp_path):
    content = painted.jpeg(5)
    found = _look(_file(tmp_path, content))
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert found.num_bytes == len(content)
    expected = appearance.look(content, 256)
    assert found.header == expected.header
    assert found.encoding == expected.encoding
    assert found.colours == expected.colours
    assert found.signature == expected.signature
    assert found.place is None


def test_what_is_stored_lies_where_it_is_kept(tmp_path):
    content = painted.jpeg(5)
    batch = spool.begin(spool.prepare(tmp_path / "spool"))
    found = _look(_file(tmp_path, content), batch, image_size=8)
    expected = appearance.look(content, 8).stored
    assert found.place.read() == expected
    assert not expected.is_original


def test_an_original_is_kept_only_where_it_would_take_long_to_read_again(tmp_path):
    content = painted.jpeg(5)
    batch = spool.begin(spool.prepare(tmp_path / "spool"))
    assert _look(_file(tmp_path, content), batch).place.read() is None
    painting = Painting("animals", False, 0, 0)
    assert _look(painting, batch).place.read() == Stored(painting.read(), 96, 96, True, False)


def test_a_file_that_cannot_be_used_gives_the_reason(tmp_path):
    assert _look(_file(tmp_path, b"")) == Rejection(Reason.EMPTY_FILE, "0 bytes")


def test_a_file_that_cannot_be_read_gives_the_error(tmp_path):
    found = _look(File(str(tmp_path / "absent.jpg"), 0, 0))
    assert isinstance(found, FileNotFoundError)
    assert found.strerror == "No such file or directory"
