import errno
import os
import struct
import tracemalloc
import warnings
import zipfile
import zlib

import pytest

from data_pipeline.sources import entries
from tfrecords import exits


def _paths(source):
    return [(entry.path, entry.reason) for entry in entries.find(source)]


def test_a_directory_is_listed_in_order_without_hidden_files(tmp_path):
    for name in ("b/2.jpg", "b/1.jpg", "a/x/y.png", ".git/x", "a/.DS_Store", "__MACOSX/a.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"bytes")
    found = entries.find(tmp_path)
    assert [entry.path for entry in found] == ["a/x/y.png", "b/1.jpg", "b/2.jpg"]
    assert found[0].location.read() == b"bytes"


def test_things_that_are_no_files_are_named_and_never_opened(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "real.jpg").write_bytes(b"x")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "a" / "nowhere.jpg").symlink_to(tmp_path / "absent")
    (tmp_path / "a" / "ring.jpg").symlink_to("ring2.jpg")
    (tmp_path / "a" / "ring2.jpg").symlink_to("ring.jpg")
    os.mkfifo(tmp_path / "a" / "pipe.jpg")
    assert _paths(tmp_path) == [
        ("a/loop", "linked_folder"),
        ("a/nowhere.jpg", "unreadable"),
        ("a/pipe.jpg", "not_a_file"),
        ("a/real.jpg", ""),
        ("a/ring.jpg", "unreadable"),
        ("a/ring2.jpg", "unreadable"),
    ]


def test_a_name_that_is_not_utf8_is_listed(tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"x")
    assert _paths(tmp_path) == [("caf\udce9.jpg", "")]


def _refusing(error, at):
    """Returns `os.scandir` where one folder refuses: who runs tests may be allowed everything."""
    scandir = os.scandir

    def refuse(path):
        if path == at:
            raise OSError(error, os.strerror(error), str(path))
        return scandir(path)

    return refuse


def test_a_folder_that_cannot_be_read_is_named_and_the_others_are_listed(tmp_path, monkeypatch):
    for name in ("a/1.jpg", "a/closed/2.jpg", "b/3.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    monkeypatch.setattr(os, "scandir", _refusing(errno.EACCES, tmp_path / "a" / "closed"))
    assert _paths(tmp_path) == [
        ("a/1.jpg", ""),
        ("a/closed", "unreadable_folder"),
        ("b/3.jpg", ""),
    ]


@pytest.mark.parametrize(("error", "folder"), [(errno.EACCES, ""), (errno.EIO, "a")])
def test_a_source_that_cannot_be_read_at_this_moment_is_a_fault_of_the_machine(
    tmp_path, monkeypatch, error, folder
):
    (tmp_path / "a").mkdir()
    monkeypatch.setattr(os, "scandir", _refusing(error, tmp_path / folder))
    with pytest.raises(exits.MachineError, match=r"cannot be read: .*: .* when it can be\."):
        entries.find(tmp_path)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_of_an_archive_are_read_by_their_offset(tmp_path, method):
    path = tmp_path / "images.zip"
    contents = {f"a/{index}.jpg": bytes([index]) * 1000 for index in range(3)}
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.mkdir("a")
        for name, content in contents.items():
            archive.writestr(name, content)
    assert {entry.path: entry.location.read() for entry in entries.find(path)} == contents


@pytest.mark.parametrize(
    ("system", "name", "paths"),
    [
        (0, "real\\1.jpg", ["real/1.jpg"]),
        (0, "a/real\\1.jpg", ["a/real\\1.jpg"]),
        (3, "real\\1.jpg", ["real\\1.jpg"]),
    ],
)
def test_backslashes_of_an_archive_made_on_windows_divide_folders(tmp_path, system, name, paths):
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for path, content in (("real\\", b""), (name, b"x")):
            member = zipfile.ZipInfo(path)
            member.create_system = system
            if content or system == 0:
                archive.writestr(member, content)
    assert [entry.path for entry in entries.find(tmp_path / "images.zip")] == paths


@pytest.mark.parametrize("name", ["/etc/passwd.jpg", "../out.jpg", "a/../../out.jpg", "C:/out.jpg"])
def test_a_member_whose_name_leads_out_is_rejected(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        archive.writestr(name, b"x")
    assert _paths(tmp_path / "images.zip") == [(name, "unsafe_name")]


@pytest.mark.parametrize("second", ["a/x.jpg", "A/X.jpg", "a/x.JPG"])
def test_of_members_with_one_name_the_last_is_kept(tmp_path, second):
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("a/x.jpg", b"first")
        archive.writestr("a/y.jpg", b"other")
        archive.writestr(second, b"second")
    found = sorted(entries.find(path), key=lambda entry: (entry.path.casefold(), entry.reason))
    assert [(entry.path, entry.reason) for entry in found] == [
        (second, ""),
        ("a/x.jpg", "repeated_name"),
        ("a/y.jpg", ""),
    ]
    assert found[0].location.read() == b"second"


def test_a_name_that_only_claims_to_be_utf8_spoils_no_archive(tmp_path):
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("é/1.jpg", "é/ü.jpg", "a/2.jpg"):
            archive.writestr(name, ascii(name))
    path.write_bytes(path.read_bytes().replace("é/ü.jpg".encode(), b"\xc3\xa9/\xff\xfe.jpg"))
    found = entries.find(path)
    assert [entry.path for entry in found] == ["a/2.jpg", "é/1.jpg", "├⌐/\xa0■.jpg"]
    assert found[0].location.read() == b"'a/2.jpg'"
    assert found[1].location.read() == b"'\\xe9/1.jpg'"
    assert found[2].location.read() == b"'\\xe9/\\xfc.jpg'"


def test_an_archive_that_needs_a_newer_unpacker_is_named(tmp_path):
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/x.jpg", b"x")
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 6] = 99
    path.write_bytes(content)
    with pytest.raises(exits.DataError, match="cannot be read: zip file version 9.9"):
        entries.find(path)


def test_a_symbolic_link_in_an_archive_is_rejected(tmp_path):
    member = zipfile.ZipInfo("a/link.jpg")
    member.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        archive.writestr(member, "/etc/passwd")
    assert _paths(tmp_path / "images.zip") == [("a/link.jpg", "not_a_file")]


def test_a_member_too_large_is_rejected_unread(tmp_path):
    with zipfile.ZipFile(tmp_path / "images.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/zeros.jpg", bytes(1000))
    (entry,) = entries.find(tmp_path / "images.zip", max_member_bytes=999)
    assert (entry.reason, entry.detail) == ("too_many_bytes", "1,000 bytes, at most 999")


def test_a_file_too_large_is_rejected_unread(tmp_path):
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.truncate(10 << 30)
    (entry,) = entries.find(tmp_path)
    assert (entry.location, entry.reason) == (None, "too_many_bytes")
    assert entry.detail == "10,737,418,240 bytes, at most 67,108,864"


def _zip_of_zeros(path, num_mib):
    """Writes an archive whose member is mebibytes of zeros, without packing each of them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    mib = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = mib * num_mib + packer.flush()
    member = zipfile.ZipInfo("a/zeros.jpg")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, packed)
        member.compress_type, member.file_size = zipfile.ZIP_DEFLATED, num_mib << 20


def test_a_member_of_a_gigabyte_of_zeros_is_rejected_without_being_unpacked(tmp_path):
    _zip_of_zeros(tmp_path / "bomb.zip", 1024)
    assert (tmp_path / "bomb.zip").stat().st_size < 2 << 20
    (entry,) = entries.find(tmp_path / "bomb.zip")
    assert (entry.location, entry.reason) == (None, "too_many_bytes")
    assert entry.detail == "1,073,741,824 bytes, at most 67,108,864"


@pytest.mark.parametrize("size", [0, 1000])
def test_a_member_that_is_larger_than_it_says_is_unpacked_no_further(tmp_path, size):
    _zip_of_zeros(tmp_path / "bomb.zip", 1024)
    (entry,) = _entries_that_claim(tmp_path / "bomb.zip", size)
    tracemalloc.start()
    with pytest.raises(OSError, match="is damaged"):
        entry.location.read()
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def _entries_that_claim(path, size):
    data = bytearray(path.read_bytes())
    struct.pack_into("<L", data, data.rindex(b"PK\1\2") + 24, size)
    path.write_bytes(data)
    return entries.find(path)


def test_a_damaged_member_is_an_error_when_it_is_read(tmp_path):
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/x.jpg", b"content")
    (entry,) = entries.find(path)
    path.write_bytes(path.read_bytes().replace(b"content", b"CONTENT"))
    with pytest.raises(OSError, match="is damaged"):
        entry.location.read()


def test_a_member_that_unpacks_to_more_than_it_says_is_not_unpacked_further(tmp_path):
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/zeros.jpg", bytes(1_000_000))
    size = (1_000_000).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, (10).to_bytes(4, "little")))
    (entry,) = entries.find(path)
    with pytest.raises(OSError, match="is damaged"):
        entry.location.read()


def test_a_file_is_found_by_its_name(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.jpg").write_bytes(b"x")
    assert entries.named(tmp_path, "a/1.jpg").location.read() == b"x"
    assert entries.named(tmp_path, "a/2.jpg") is None
    assert entries.named(tmp_path, "a/1.jpg/2.jpg") is None
    assert entries.named(tmp_path, "a").reason == "not_a_file"
    assert entries.named(tmp_path, "a/\0.jpg").reason == "unreadable"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "there is no such directory or archive"),
        (lambda path: path.mkdir(), "holds no files"),
        (os.mkfifo, "there is no such directory or archive"),
        (lambda path: path.write_bytes(b"no zip"), "cannot be read: File is not a zip file"),
        (
            lambda path: path.write_bytes(b"PK\x03\x04 and so on"),
            "begins as a zip archive, .* Was the download cut off",
        ),
    ],
)
def test_a_source_that_is_of_no_use_is_named(tmp_path, make, words):
    make(tmp_path / "source")
    with pytest.raises(exits.DataError, match=f"--source=.*source.* {words}"):
        entries.find(tmp_path / "source")
