import base64
import hashlib
import json
import os

import pytest

from data_pipeline import scan
from data_pipeline.images import perceptual_hash
from data_pipeline.references import Facts, Reference, Reject
from data_pipeline.sample import painter
from data_pipeline.sketches import Sketch
from data_pipeline.sources.locations import File
from tests.data_pipeline import fragile_decoder as fragile
from tests.data_pipeline import painted

_CHANNEL = "AAAAAAAAAAAAAAAZD9EABwABAAIAAgACAAIAAAACAAQ"  # almost all pixels are in the seventh bin


def _reference(path, image_id="real/1.jpg"):
    status = path.stat()
    location = File(str(path), status.st_size, status.st_mtime_ns)
    return Reference(image_id, location, {"label": 0}, image_id)


def _look(path):
    [(_, (found, _, _))] = scan.look([_reference(path)], 256)
    return found


def _sketch(path):
    [(_, (_, sketch, _))] = scan.look([_reference(path)], 256)
    return sketch


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "1.jpg"
    path.write_bytes(painted.jpeg(100))
    return path


def test_a_look_finds_these_facts(image):
    content = image.read_bytes()
    assert _look(image) == Facts(
        sha256=hashlib.sha256(content).hexdigest(),
        num_bytes=len(content),
        format="JPEG",
        mode="RGB",
        width=24,
        height=16,
        quality=90,
        subsampling="4:2:0",
        progressive=False,
        exif=False,
        red=100.4,
        green=100.4,
        blue=100.4,
        grey=100.4,
    )
    histogram = base64.b64encode(4 * base64.b64decode(_CHANNEL + "=")).decode()
    assert _sketch(image) == Sketch("", histogram)


def test_a_picture_with_structure_has_a_signature(tmp_path):
    path = tmp_path / "1.jpg"
    path.write_bytes(painter.paint("animals", False, 0, 1))
    assert len(_sketch(path).signature) == 428


def test_a_picture_that_ends_early_is_a_reject_although_its_header_is_whole(tmp_path):
    path = tmp_path / "1.jpg"
    path.write_bytes(painter.paint("animals", False, 0, 1)[:-100])
    assert _look(path).reason == "truncated"


def test_a_file_that_is_no_image_is_a_reject(tmp_path):
    path = tmp_path / "1.jpg"
    path.write_bytes(b"")
    assert _look(path).reason == "empty_file"


def test_a_file_that_cannot_be_opened_is_a_reject(tmp_path):
    folder = tmp_path / "1.jpg"
    folder.mkdir()
    assert _look(folder) == Reject("real/1.jpg", "unreadable", "Is a directory")


def test_a_file_that_ends_the_decoder_is_a_reject_that_the_next_build_tries_again(
    tmp_path, fragile_decoder
):
    paths = [tmp_path / f"{index}.jpg" for index in range(5)]
    for index, path in enumerate(paths):
        path.write_bytes(painted.jpeg(index, comment=fragile.ABORT if index == 2 else b""))
    references = [_reference(path, f"real/{path.name}") for path in paths]
    known = scan.Known(tmp_path / "cache")
    scan.scan(known.missing(references, 256)[0])
    known.reload()
    reasons = [getattr(known.find(reference), "reason", None) for reference in references]
    assert reasons == [None, None, "crashed", None, None]
    (batch,) = scan.Known(tmp_path / "cache").missing(references, 256)
    assert batch.references == (references[2],)


def test_what_was_found_is_known_to_the_next_build(tmp_path, image):
    reference = _reference(image)
    known = scan.Known(tmp_path / "cache")
    (batch,) = known.missing([reference], 256)
    assert scan.scan(batch) == 1
    again = scan.Known(tmp_path / "cache")
    assert again.missing([reference], 256) == []
    assert again.find(reference) == _look(image)
    assert scan.count(tmp_path / "cache") == 1


def test_a_file_that_changed_is_looked_at_again(tmp_path, image):
    known = scan.Known(tmp_path / "cache")
    scan.scan(known.missing([_reference(image)], 256)[0])
    image.write_bytes(painted.jpeg(101))
    os.utime(image, ns=(1, 1))
    assert len(scan.Known(tmp_path / "cache").missing([_reference(image)], 256)) == 1


def test_a_file_that_could_not_be_read_is_tried_again_by_the_next_build(tmp_path, image):
    reference = _reference(image)
    content = image.read_bytes()
    image.unlink()
    known = scan.Known(tmp_path / "cache")
    scan.scan(known.missing([reference], 256)[0])
    known.reload()
    assert known.find(reference) == Reject("real/1.jpg", "unreadable", "No such file or directory")
    image.write_bytes(content)
    again = scan.Known(tmp_path / "cache")
    assert again.find(reference) is None
    scan.scan(again.missing([reference], 256)[0])
    again.reload()
    assert isinstance(again.find(reference), Facts)


@pytest.mark.parametrize("damage", ["", "{", '{"fingerprint": 3}\n[]\nnull\n', '{"a": 1}\n'])
def test_damaged_lines_were_never_found(tmp_path, image, damage):
    known = scan.Known(tmp_path / "cache")
    scan.scan(known.missing([_reference(image)], 256)[0])
    (results,) = (tmp_path / "cache").glob("*.jsonl")
    results.write_text(damage)
    assert scan.Known(tmp_path / "cache").find(_reference(image)) is None


@pytest.mark.parametrize("name", ["signature", "histogram"])
def test_a_line_with_half_a_sketch_was_never_found(tmp_path, image, name):
    image.write_bytes(painter.paint("animals", False, 0, 1))
    known = scan.Known(tmp_path / "cache")
    scan.scan(known.missing([_reference(image)], 256)[0])
    (results,) = (tmp_path / "cache").glob("*.jsonl")
    fields = json.loads(results.read_text())
    fields[name] = fields[name][: len(fields[name]) // 8 * 4]
    results.write_text(json.dumps(fields))
    assert scan.Known(tmp_path / "cache").find(_reference(image)) is None


def test_the_sketch_of_each_file_is_kept_in_the_row_that_its_facts_name(tmp_path):
    paths = [tmp_path / f"{index}.jpg" for index in range(3)]
    for index, path in enumerate(paths):
        path.write_bytes(painter.paint("animals", False, 0, index))
    references = [_reference(path) for path in paths]
    for number in (1, 3):  # the first is known to the second scan
        known = scan.Known(tmp_path / "cache")
        scan.scan(known.missing(references[:number], 256)[0])
    known.reload()
    for path, reference in zip(paths, references, strict=True):
        row = known.find(reference).sketch
        expected = perceptual_hash.unpack([_sketch(path).signature])[0]
        assert (known.sketches.signatures()[row] == expected).all()
    assert len(known.sketches.signatures()) == 3


def test_what_is_not_kept_is_forgotten_and_the_rest_is_in_one_file(tmp_path, image, monkeypatch):
    monkeypatch.setattr(scan, "BATCH_REFERENCES", 1)
    other = tmp_path / "2.jpg"
    other.write_bytes(painted.jpeg(101))
    references = [_reference(image), _reference(other), _reference(tmp_path / "2.jpg", "x/2.jpg")]
    known = scan.Known(tmp_path / "cache")
    for batch in known.missing(references, 256):
        scan.scan(batch)
    (tmp_path / "cache" / "0-1.jsonl").write_text("damaged\n")
    scan.keep(tmp_path / "cache", lambda fingerprint: "1.jpg" not in fingerprint)
    assert [path.name[-8:] for path in (tmp_path / "cache").iterdir()] == ["-1.jsonl"]
    again = scan.Known(tmp_path / "cache")
    assert again.find(references[0]) is None
    assert again.find(references[1]) == _look(other)


def test_what_may_pass_is_not_kept(tmp_path, image):
    reference = _reference(image)
    image.unlink()
    scan.scan(scan.Known(tmp_path / "cache").missing([reference], 256)[0])
    scan.keep(tmp_path / "cache", lambda fingerprint: True)
    assert scan.count(tmp_path / "cache") == 0


def test_what_was_found_earlier_is_read_and_not_written(tmp_path, image):
    earlier, now = tmp_path / "earlier", tmp_path / "now"
    scan.scan(scan.Known(earlier).missing([_reference(image)], 256)[0])
    before = sorted(earlier.iterdir())
    known = scan.Known(now, earlier=earlier)
    assert known.missing([_reference(image)], 256) == []
    scan.keep(now, lambda fingerprint: False)
    assert sorted(earlier.iterdir()) == before
    assert scan.Known(now, earlier=tmp_path / "absent").find(_reference(image)) is None
    assert not (tmp_path / "absent").exists()


def test_references_come_in_batches(tmp_path, image, monkeypatch):
    monkeypatch.setattr(scan, "BATCH_REFERENCES", 2)
    references = [_reference(image, f"{index}.jpg") for index in range(5)]
    batches = scan.Known(tmp_path / "cache").missing(references, 256)
    assert [len(batch.references) for batch in batches] == [2, 2, 1]
