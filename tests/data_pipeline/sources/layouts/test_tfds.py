"""Directories as TensorFlow Datasets prepares them, written by its own features."""

import json
import struct
import zipfile

import numpy as np
import pytest
import tensorflow_datasets as their

from data_pipeline.sources.layouts.options import SourceOptions
from data_pipeline.sources.layouts.tfds import tfds
from tests.data_pipeline import painted
from tfrecords import exits, framing

LABEL = their.features.ClassLabel(names=["Fake", "other", "REAL"])


def _image(shade):
    return np.full((8, 8, 3), shade, np.uint8)


def _write(directory, features, shards, **info):
    """Writes the examples of each shard, by split, and the files that describe them."""
    directory.mkdir(parents=True)
    described = their.features.FeaturesDict(features)
    described.save_config(str(directory))
    for split, parts in shards.items():
        for index, examples in enumerate(parts):
            name = f"toy-{split}.tfrecord-{index:05d}-of-{len(parts):05d}"
            with framing.RecordWriter(directory / name) as writer:
                for values in examples:
                    encoded = described.encode_example(values)
                    writer.write(described.serialize_example(encoded))
    splits = [
        {"name": split, "shardLengths": [str(len(examples)) for examples in parts]}
        for split, parts in shards.items()
    ]
    content = {"name": "toy", "version": "1.0.0", "splits": splits, **info}
    (directory / "dataset_info.json").write_text(json.dumps(content))
    return directory


@pytest.fixture
def prepared(tmp_path):
    features = {
        "image": their.features.Image(),
        "label": LABEL,
        "id": their.features.Text(),
        "person": their.features.Text(),
        "objects": their.features.Sequence({"box": their.features.BBoxFeature()}),
        "number": np.int64,
    }
    extra = {"objects": [], "number": 3}
    train = [
        {"image": _image(10), "label": 2, "id": "a", "person": "anna", **extra},
        {"image": _image(20), "label": 0, "id": "b", "person": "bert", **extra},
        {"image": _image(30), "label": -1, "id": "c", "person": "bert", **extra},
    ]
    test = [{"image": _image(40), "label": 1, "id": "é", "person": "", **extra}]
    return _write(
        tmp_path / "data" / "toy" / "1.0.0",
        features,
        {"train": [train[:1], train[1:]], "test": [test], "unlabelled": [test]},
    )


def test_records_are_listed_with_their_labels_texts_and_splits(prepared):
    listing = tfds(prepared.parents[1], SourceOptions())
    assert listing.targets["label"].class_names == ("real", "fake", "other")
    assert [
        (item.image_id, item.targets["label"], item.split, dict(item.attributes))
        for item in listing.references
    ] == [
        ("toy-test.tfrecord-00000-of-00001#0", 2, "test", {"id": "é", "person": ""}),
        ("toy-train.tfrecord-00000-of-00002#0", 0, "train", {"id": "a", "person": "anna"}),
        ("toy-train.tfrecord-00001-of-00002#0", 1, "train", {"id": "b", "person": "bert"}),
    ]
    assert [(item.image_id, item.reason, item.detail) for item in listing.rejects] == [
        ("toy-train.tfrecord-00001-of-00002#1", "no_label", "its record has no label")
    ]
    assert listing.notes == ("Split unlabelled is left out: 1 records.",)


def test_images_are_read_from_their_records_as_they_are(prepared):
    listing = tfds(prepared, SourceOptions())
    locations = [item.location for item in listing.references]
    assert all(location.read().startswith(b"\x89PNG\r\n\x1a\n") for location in locations)
    assert len({location.read() for location in locations}) == 3
    assert len({location.fingerprint for location in locations}) == 3


def test_a_text_can_be_the_group(prepared):
    listing = tfds(prepared, SourceOptions(group_column="person"))
    assert [item.group_id for item in listing.references] == [
        "toy-test.tfrecord-00000-of-00001#0",
        "anna",
        "bert",
    ]
    with pytest.raises(exits.UsageError, match="'number'. Use one of: id, person"):
        tfds(prepared, SourceOptions(group_column="number"))


def test_several_classes_keep_their_names_and_their_order(tmp_path):
    features = {
        "picture": their.features.Image(encoding_format="jpeg"),
        "coarse": their.features.ClassLabel(names=["zebra", "ape"]),
        "fine": their.features.ClassLabel(num_classes=11),
    }
    (tmp_path / "1.jpg").write_bytes(painted.jpeg(10))
    example = {"picture": str(tmp_path / "1.jpg"), "coarse": 0, "fine": 10}
    source = _write(tmp_path / "toy", features, {"train": [[example]]})
    listing = tfds(source, SourceOptions())
    assert listing.targets["coarse"].class_names == ("zebra", "ape")
    assert listing.targets["fine"].class_names == tuple(map(str, range(11)))
    assert listing.references[0].targets == {"coarse": 0, "fine": 10}
    assert listing.references[0].location.read() == painted.jpeg(10)


def test_a_single_class_is_the_label_whatever_it_is_called(tmp_path):
    features = {
        "image": their.features.Image(),
        "attribute": their.features.ClassLabel(names=["a", "b"]),
    }
    example = {"image": _image(1), "attribute": 1}
    source = _write(tmp_path / "toy", features, {"train": [[example]]})
    assert tfds(source, SourceOptions()).references[0].targets == {"label": 1}


def test_missing_shards_are_counted(prepared):
    (prepared / "toy-train.tfrecord-00001-of-00002").unlink()
    listing = tfds(prepared, SourceOptions())
    assert len(listing.references) == 2
    assert listing.notes[0] == "train: 1 of 3 records."


def test_a_damaged_record_is_a_reject_and_a_damaged_length_hides_the_rest(prepared):
    shard = prepared / "toy-train.tfrecord-00001-of-00002"
    content = bytearray(shard.read_bytes())
    content[100] ^= 1
    shard.write_bytes(content)
    (reject, _) = tfds(prepared, SourceOptions()).rejects
    assert (reject.image_id, reject.reason) == (f"{shard.name}#0", "unreadable")
    assert reject.detail.endswith("fails its checksum.")
    content[0] ^= 1
    shard.write_bytes(content)
    (reject,) = tfds(prepared, SourceOptions()).rejects
    assert reject.image_id == f"{shard.name}#0"
    assert reject.detail.endswith("has a damaged header. 2 records cannot be read")


def test_a_record_that_was_damaged_after_it_was_listed_is_not_read(prepared):
    location = tfds(prepared, SourceOptions()).references[0].location
    path = prepared / "toy-test.tfrecord-00000-of-00001"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(OSError, match="The record at byte 0 of .* is cut off"):
        location.read()


def test_a_length_that_no_file_has_costs_no_memory(prepared):
    path = prepared / "toy-test.tfrecord-00000-of-00001"
    length = struct.pack("<Q", 1 << 60)
    path.write_bytes(length + struct.pack("<I", framing.masked_crc32c(length)))
    assert (
        tfds(prepared, SourceOptions())
        .rejects[1]
        .detail.endswith(f"{path.name} is cut off. 1 records cannot be read")
    )


@pytest.mark.parametrize(
    ("features", "info", "words"),
    [
        ({"image": their.features.Image()}, {}, r"must have one Image .*Received: image \(Image\)"),
        ({"label": LABEL}, {}, r"and a ClassLabel. Received: label \(ClassLabel\)"),
        (
            {"image": their.features.Image(dtype=np.float32, shape=(8, 8, 1)), "label": LABEL},
            {},
            "holds images of float32",
        ),
        (
            {"image": their.features.Image(), "label": LABEL},
            {"fileFormat": "array_record"},
            "format array_record; .* tfds build --file_format=tfrecord",
        ),
        (
            {"image": their.features.Image(), "label": their.features.ClassLabel(names=["one"])},
            {},
            "feature label must have two or more classes. Received: one",
        ),
        (
            {"image": their.features.Image(), "label": LABEL},
            {"splits": [{"name": "/../../x", "shardLengths": ["1"]}]},
            "leads out of the directory",
        ),
        (
            {"image": their.features.Image(), "label": LABEL},
            {"splits": 3},
            "none that TensorFlow D",
        ),
        ({"image": their.features.Image(), "label": LABEL}, {}, "no record with a label is there"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(tmp_path, features, info, words):
    source = _write(tmp_path / "toy", features, {}, **info)
    with pytest.raises(exits.DataError, match=words):
        tfds(source, SourceOptions())


def test_names_of_classes_that_do_not_fit_are_refused(prepared):
    (prepared / "label.labels.txt").write_text("real\nreal\nfake\n")
    with pytest.raises(exits.DataError, match="must hold 3 different names.*Received: 3, 2 of"):
        tfds(prepared, SourceOptions())


def test_one_prepared_directory_is_needed(tmp_path, prepared):
    _write(tmp_path / "data" / "other" / "1.0.0", {"image": their.features.Image()}, {})
    with pytest.raises(exits.DataError, match="Received: .*other.*toy.*Name one of them"):
        tfds(tmp_path / "data", SourceOptions())
    (tmp_path / "empty").mkdir()
    with pytest.raises(exits.DataError, match="Received: none"):
        tfds(tmp_path / "empty", SourceOptions())
    with zipfile.ZipFile(tmp_path / "toy.zip", "w"):
        pass
    with pytest.raises(exits.DataError, match="is a file. .*: unpack it"):
        tfds(tmp_path / "toy.zip", SourceOptions())
