"""Builds from files that no program expects."""

import json
import os
import zipfile

import pytest
import tensorflow as tf

from data_pipeline import pipeline
from tests.data_pipeline import contents, painted
from tests.data_pipeline import fragile_decoder as fragile


def test_names_of_any_bytes_are_built(make_config, tmp_path):
    for name in (b"caf\xe9.jpg", b"line\nbreak.jpg", "日本.jpg".encode()):
        (tmp_path / "source" / "real" / os.fsdecode(name)).write_bytes(
            painted.jpeg(sum(name) % 90 + 100)
        )
    built = pipeline.build_dataset(make_config())
    assert built.manifest.num_examples == 15
    stored = {record["image_id"][0] for _, _, record in contents.records(built)}
    assert {b"real/caf\xe9.jpg", b"real/line\nbreak.jpg", "real/日本.jpg".encode()} <= stored


def test_names_of_strangers_are_shown_on_one_line(make_config, tmp_path, capsys):
    content = painted.jpeg(199)
    for name in ("real/\x1b[2J\n.jpg", "fake/copy.jpg"):
        (tmp_path / "source" / name).write_bytes(content)
    built = pipeline.build_dataset(make_config(max_reject_fraction=1))
    for text in (capsys.readouterr().out, (built.directory / "report.html").read_text()):
        assert "\x1b" not in text
        assert r"another label: real/\x1b[2J\n.jpg" in text


def test_an_archive_with_repeated_and_unreadable_names_is_built(make_config, tmp_path):
    with (
        zipfile.ZipFile(tmp_path / "s.zip", "w") as archive,
        pytest.warns(UserWarning, match="Duplicate name"),
    ):
        for path in sorted((tmp_path / "source").rglob("*.jpg")):
            archive.write(path, path.relative_to(tmp_path / "source"))
        archive.writestr("real/000.jpg", painted.jpeg(190))
        archive.writestr("Real/002.JPG", painted.jpeg(191))
        archive.writestr("real/é.jpg", painted.jpeg(192))
    path = tmp_path / "s.zip"
    path.write_bytes(path.read_bytes().replace("é.jpg".encode(), b"\xff\xfe.jpg"))
    built = pipeline.build_dataset(make_config(source=str(path), max_reject_fraction=1))
    assert built.manifest.listed == 15
    assert built.manifest.rejects == {"repeated_name": 2}
    assert built.manifest.num_examples == 13


def test_every_trap_is_named_and_the_rest_is_built(make_config, tmp_path, fragile_decoder):
    folder = tmp_path / "source" / "real"
    contents = {
        "aborts.jpg": painted.jpeg(101, comment=fragile.ABORT),
        "aborts_late.jpg": painted.jpeg(102, comment=fragile.ABORT),
        "cut.jpg": painted.jpeg(103, 96, 64)[:-20] + b"\xff\xd9",
        "eats.jpg": painted.jpeg(104, comment=fragile.EAT_MEMORY),
        "empty.jpg": b"",
        "hangs.jpg": painted.jpeg(105, comment=fragile.HANG_IN_C),
        "page.jpg": b"<!DOCTYPE html><html>404</html>",
        "without_end.jpg": painted.jpeg(106)[:-2],
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    os.mkfifo(folder / "pipe.jpg")
    (folder / "ring.jpg").symlink_to("ring.jpg")
    (folder / "loop").symlink_to(folder)
    with (folder / "huge.jpg").open("wb") as file:
        file.truncate(1 << 30)
    built = pipeline.build_dataset(make_config(max_reject_fraction=0.9))
    lines = (built.directory / "rejects.jsonl").read_text().splitlines()
    reasons = {line["image_id"]: line["reason"] for line in map(json.loads, lines)}
    assert reasons == {
        "real/aborts.jpg": "crashed",
        "real/aborts_late.jpg": "crashed",
        "real/cut.jpg": "truncated",
        "real/eats.jpg": "out_of_memory",
        "real/empty.jpg": "empty_file",
        "real/hangs.jpg": "timeout",
        "real/huge.jpg": "too_many_bytes",
        "real/loop": "linked_folder",
        "real/page.jpg": "html",
        "real/pipe.jpg": "not_a_file",
        "real/ring.jpg": "unreadable",
    }
    assert built.manifest.num_examples == 13
    assert json.loads((built.directory / "statistics.json").read_text())["stored"]["repaired"] == 1
    assert {name: (folder / name).read_bytes() for name in contents} == contents


@pytest.mark.shared_data
def test_every_bad_file_is_written_or_named_and_what_is_written_decodes(
    make_config, tmp_path, shared_data
):
    bad = [path for path in sorted((shared_data / "bad_images").rglob("*")) if path.is_file()]
    for index, path in enumerate(bad):
        (tmp_path / "source" / "real" / f"{index:03d}_{path.name}").write_bytes(path.read_bytes())
    built = pipeline.build_dataset(make_config(max_reject_fraction=1.0))
    assert built.manifest.listed == 12 + len(bad)
    for _, _, record in contents.records(built):
        pixels = tf.io.decode_jpeg(record["image"][0], channels=3)
        assert pixels.shape == (record["height"][0], record["width"][0], 3)
