import resource

import pytest

from data_pipeline import spool
from data_pipeline.images.image_policy import Stored
from tfrecords import framing

ONE, TWO = Stored(b"one", 24, 16, False, False), Stored(b"two!", 30, 20, False, True)
ORIGINAL = Stored(b"original", 10, 12, True, False)


def _keep(directory, is_quick=True, **by_fingerprint):
    batch = spool.begin(spool.prepare(directory))
    places = {name: spool.keep(batch, stored, is_quick) for name, stored in by_fingerprint.items()}
    spool.finish(batch, places)


def test_what_was_kept_is_found_by_its_fingerprint(tmp_path):
    _keep(tmp_path, a=ONE, b=TWO)
    _keep(tmp_path, c=TWO)
    kept = spool.Spool(tmp_path)
    assert [kept.find(name).read() for name in "abc"] == [ONE, TWO, TWO]
    assert kept.find("d") is None


def test_the_bytes_of_an_original_are_in_its_own_file(tmp_path):
    _keep(tmp_path, a=ORIGINAL, b=ONE)
    kept = spool.Spool(tmp_path)
    place = kept.find("a")
    assert place.is_original
    assert place.read() is None
    assert place.stored(b"original") == ORIGINAL
    assert kept.find("b").read() == ONE
    assert [path.read_bytes() for path in tmp_path.glob("*.records")] == [framing.frame(b"one")]


def test_an_original_that_takes_long_to_read_again_is_kept_too(tmp_path):
    _keep(tmp_path, is_quick=False, a=ORIGINAL, b=ONE)
    kept = spool.Spool(tmp_path)
    assert [kept.find(name).read() for name in "ab"] == [ORIGINAL, ONE]


def test_a_later_look_replaces_an_earlier_one(tmp_path, monkeypatch):
    for token, stored in (("0", ONE), ("1", TWO)):
        monkeypatch.setattr(spool.secrets, "token_hex", lambda _, token=token: token)
        _keep(tmp_path, a=stored)
    assert spool.Spool(tmp_path).find("a").read() == TWO


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_damaged_bytes_are_not_there(tmp_path, damage):
    _keep(tmp_path, a=ONE)
    (path,) = tmp_path.glob("*.records")
    content = path.read_bytes()
    path.write_bytes(
        {"cut": content[:-1], "flipped": content.replace(b"one", b"ane"), "gone": b""}[damage]
    )
    assert spool.Spool(tmp_path).find("a").read() is None
    path.unlink()
    assert spool.Spool(tmp_path).find("a").read() is None


def test_a_batch_that_was_not_finished_was_never_kept(tmp_path):
    spool.keep(spool.begin(spool.prepare(tmp_path)), ONE, True)
    assert spool.Spool(tmp_path).find("a") is None


def test_what_the_disk_refuses_is_not_kept_and_what_comes_later_is(tmp_path):
    batch = spool.begin(spool.prepare(tmp_path))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Files of 25 bytes: one record, and a part of the next. Python ignores SIGXFSZ.
    resource.setrlimit(resource.RLIMIT_FSIZE, (25, before[1]))
    try:
        places = {name: spool.keep(batch, ONE, True) for name in "abc"}
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    places |= {"d": spool.keep(batch, TWO, True)}
    assert (places.pop("b"), places.pop("c")) == (None, None)
    spool.finish(batch, places)
    kept = spool.Spool(tmp_path)
    assert [kept.find(name).read() for name in "ad"] == [ONE, TWO]


@pytest.mark.parametrize("line", ["", "[]", "3", "{", '{"fingerprint": "a"}', '{"file": ""}'])
def test_a_damaged_line_was_never_written(tmp_path, line):
    (tmp_path / "0.jsonl").write_text(line + "\n")
    assert spool.Spool(tmp_path).find("a") is None


def test_nothing_is_kept_where_there_is_no_room(tmp_path):
    assert spool.begin(None) is None
    assert spool.begin(spool.Room(str(tmp_path), 1 << 62)) is None
    assert spool.Spool(tmp_path / "absent").find("a") is None


def test_half_of_the_disk_stays_free(tmp_path, monkeypatch):
    monkeypatch.setattr(
        spool.shutil, "disk_usage", lambda _: spool.shutil._ntuple_diskusage(9, 2, 7)
    )
    assert spool.prepare(tmp_path / "new") == spool.Room(str(tmp_path / "new"), 3)
    assert (tmp_path / "new").is_dir()


def test_what_is_cleared_is_gone(tmp_path):
    _keep(tmp_path / "spool", a=ONE)
    kept = spool.Spool(tmp_path / "spool")
    kept.clear()
    assert kept.find("a") is None
    assert not (tmp_path / "spool").exists()
