"""Each layout, painted small, from its files to the records of the dataset."""

import dataclasses
import hashlib
import json
import zipfile

import pytest

from data_pipeline import pipeline
from data_pipeline.config import BuildConfig
from tests.data_pipeline import contents, painted
from tfrecords import exits, names


def _write(root, files):
    """Writes texts and bytes by their paths."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def _images(*paths):
    return {path: painted.jpeg(40 + 7 * index) for index, path in enumerate(paths)}


def _zipped(root):
    path = root.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(root.rglob("*"), reverse=True):
            archive.write(file, file.relative_to(root))
    return path


FACES = "real_vs_fake/real-vs-fake"
FACES_140K = {
    **_images(
        f"{FACES}/train/real/1.jpg",
        f"{FACES}/train/fake/1.jpg",
        f"{FACES}/train/fake/2.jpg",
        f"{FACES}/valid/real/3.jpg",
        f"{FACES}/valid/fake/4.jpg",
        f"{FACES}/test/real/5.jpg",
        f"{FACES}/test/fake/6.jpg",
    ),
    "train.csv": (
        ",original_path,id,label,label_str,path\n"
        "0,/x/1.png,1,1,real,train/real/1.jpg\n"
        "1,/x/1.jpg,1,0,fake,train/fake/1.jpg\n"
        "2,/x/2.jpg,2,1,real,train/fake/2.jpg\n"
    ),
}
DEEPFAKE_AND_REAL = _images(
    "Dataset/Train/Fake/fake_1.jpg",
    "Dataset/Train/Real/real_1.jpg",
    "Dataset/Validation/Fake/fake_1.jpg",
    "Dataset/Validation/Real/real_1.jpg",
    "Dataset/Test/Fake/fake_1.jpg",
    "Dataset/Test/Real/real_1.jpg",
)
CIFAKE = _images("train/REAL/1.jpg", "train/FAKE/1.jpg", "test/REAL/1 (2).jpg", "test/FAKE/1.jpg")
ARTIFACT_240K = {
    **_images(
        "ArtiFact_240K/train/real/human_faces/human_faces_00001.jpg",
        "ArtiFact_240K/train/fake/human_faces/human_faces_00001.jpg",
        "ArtiFact_240K/train/fake/animals/animals_00002.jpg",
        "ArtiFact_240K/validation/real/vehicles/vehicles_00003.jpg",
        "ArtiFact_240K/validation/fake/vehicles/vehicles_00004.jpg",
        "ArtiFact_240K/test/test_00001.jpg",
        "ArtiFact_240K/test/test_00002.jpg",
    ),
    "ArtiFact_240K/metadata.csv": (
        "image_path,label,class\n"
        "ArtiFact_240K/train/real/human_faces/human_faces_00001.jpg,0,human_faces\n"
        "train/fake/animals/animals_00002.jpg,1,animals\n"
        "ArtiFact_240K/validation/fake/vehicles/vehicles_00004.jpg,0,vehicles\n"
    ),
}
IMAGE_CSV = {
    **_images("a/1.jpg", "a/2.jpg", "b/3.jpg", "b/4.jpg", "b/unnamed.jpg"),
    "all.csv": (
        "file,target,person\na/1.jpg,1,x\na/2.jpg,0,x\nb/3.jpg,1,y\nb/4.jpg,0,y\nb/5.jpg,0,y\n"
        "/etc/passwd,0,z\n"
    ),
}
OF_CSV = {
    "layout": "image_csv",
    "path_column": "file",
    "label_column": "target",
    "group_column": "person",
    "label_values": "0=real,1=fake",
    "splits": "1,0,0",
}


@pytest.mark.parametrize(
    ("files", "options", "records", "rejects"),
    [
        pytest.param(
            FACES_140K,
            {"dataset": "faces_140k"},
            {
                "train/real/1.jpg": ("train", {"label": 0}),
                "train/fake/1.jpg": ("train", {"label": 1}),
                "valid/real/3.jpg": ("validation", {"label": 0}),
                "valid/fake/4.jpg": ("validation", {"label": 1}),
                "test/real/5.jpg": ("test", {"label": 0}),
                "test/fake/6.jpg": ("test", {"label": 1}),
            },
            {"train/fake/2.jpg": "label_disagrees"},
            id="faces_140k",
        ),
        pytest.param(
            DEEPFAKE_AND_REAL,
            {"dataset": "deepfake_and_real"},
            {
                "Train/Fake/fake_1.jpg": ("train", {"label": 1}),
                "Train/Real/real_1.jpg": ("train", {"label": 0}),
                "Validation/Fake/fake_1.jpg": ("validation", {"label": 1}),
                "Validation/Real/real_1.jpg": ("validation", {"label": 0}),
                "Test/Fake/fake_1.jpg": ("test", {"label": 1}),
                "Test/Real/real_1.jpg": ("test", {"label": 0}),
            },
            {},
            id="deepfake_and_real",
        ),
        pytest.param(
            CIFAKE,
            {"dataset": "cifake", "splits": "source"},
            {
                "train/REAL/1.jpg": ("train", {"label": 0}),
                "train/FAKE/1.jpg": ("train", {"label": 1}),
                "test/REAL/1 (2).jpg": ("test", {"label": 0}),
                "test/FAKE/1.jpg": ("test", {"label": 1}),
            },
            {},
            id="cifake",
        ),
        pytest.param(
            ARTIFACT_240K,
            {"dataset": "artifact_240k", "splits": "source"},
            {
                "train/real/human_faces/human_faces_00001.jpg": (
                    "train",
                    {"label": 0, "content": 1, "class": b"human_faces"},
                ),
                "train/fake/human_faces/human_faces_00001.jpg": (
                    "train",
                    {"label": 1, "content": 1, "class": b"human_faces"},
                ),
                "train/fake/animals/animals_00002.jpg": (
                    "train",
                    {"label": 1, "content": 0, "class": b"animals"},
                ),
                "validation/real/vehicles/vehicles_00003.jpg": (
                    "validation",
                    {"label": 0, "content": 2, "class": b"vehicles"},
                ),
            },
            {
                "validation/fake/vehicles/vehicles_00004.jpg": "label_disagrees",
                "test/test_00001.jpg": "no_label",
                "test/test_00002.jpg": "no_label",
            },
            id="artifact_240k",
        ),
        pytest.param(
            IMAGE_CSV,
            {"dataset": "mine", **OF_CSV},
            {
                "a/1.jpg": ("train", {"label": 1, "group_id": b"x"}),
                "a/2.jpg": ("train", {"label": 0, "group_id": b"x"}),
                "b/3.jpg": ("train", {"label": 1, "group_id": b"y"}),
                "b/4.jpg": ("train", {"label": 0, "group_id": b"y"}),
            },
            {
                "/etc/passwd": "unsafe_name",
                "b/5.jpg": "absent",
                "b/unnamed.jpg": "no_label",
            },
            id="image_csv",
        ),
    ],
)
def test_a_directory_and_its_archive_give_the_expected_records_and_the_same_bytes(
    tmp_path, files, options, records, rejects
):
    _write(tmp_path / "source", files)
    built = [
        pipeline.build_dataset(
            BuildConfig(
                source=str(source),
                data_dir=str(tmp_path / f"data{index}"),
                max_reject_fraction=0.5,
                num_workers=1,
                **options,
            )
        )
        for index, source in enumerate((tmp_path / "source", _zipped(tmp_path / "source")))
    ]
    expected = {
        image_id: (split, {"group_id": image_id.encode(), **fields})
        for image_id, (split, fields) in records.items()
    }
    assert _records(built[0]) == expected
    lines = (built[0].directory / names.REJECTS).read_text().splitlines()
    assert {line["image_id"]: line["reason"] for line in map(json.loads, lines)} == rejects
    assert contents.hashes(built[0].directory) == contents.hashes(built[1].directory)
    extra = {"label", "content"} if "content" in built[0].manifest.targets else {"label"}
    assert set(built[0].manifest.targets) == extra
    assert built[0].manifest.attributes == (("class",) if len(extra) == 2 else ())


def _records(built):
    found = {}
    for split, _, record in contents.records(built):
        fields = {key: values[0] for key, values in record.items()}
        for name in ("image", "height", "width"):
            del fields[name]
        found[fields.pop("image_id").decode()] = (split, fields)
    return found


@pytest.fixture
def artifact(tmp_path):
    _write(tmp_path / "source", ARTIFACT_240K)
    return BuildConfig(
        dataset="artifact_240k", source=str(tmp_path / "source"), data_dir=str(tmp_path / "data")
    )


def test_a_set_whose_test_split_has_no_labels_is_asked_about(artifact, capsys):
    config = dataclasses.replace(artifact, max_reject_fraction=0.5)
    with pytest.raises(exits.UsageError, match="has splits train, validation and no test"):
        pipeline.build_dataset(config)
    assert capsys.readouterr().out.splitlines()[:4] == [
        "artifact_240k: 7 files found.",
        "  test: 2 of 12,002 files.",
        "  Files without a label: 2, such as test/test_00001.jpg. "
        "Splits with labels: train, validation.",
        "  Files in another folder than a csv file says: 1.",
    ]


def test_files_without_a_label_are_no_sign_of_damage(artifact):
    config = dataclasses.replace(artifact, splits="source", max_reject_fraction=0.2)
    built = pipeline.build_dataset(config)  # 1 of 5, beside 2 without a label
    assert built.manifest.rejects == {"no_label": 2, "label_disagrees": 1}
    with pytest.raises(exits.DataError, match=r"1 of 5 files were rejected \(label_disagrees 1\)"):
        pipeline.build_dataset(dataclasses.replace(config, max_reject_fraction=0.1))


def test_a_prepared_dataset_of_this_project_can_be_a_source(tmp_path):
    _write(tmp_path / "source", ARTIFACT_240K)
    first = pipeline.build_dataset(
        BuildConfig(
            dataset="artifact_240k",
            source=str(tmp_path / "source"),
            data_dir=str(tmp_path / "data"),
            splits="source",
            max_reject_fraction=0.5,
        )
    )
    second = pipeline.build_dataset(
        BuildConfig(
            dataset="again",
            layout="tfds",
            source=str(first.directory),
            data_dir=str(tmp_path / "data"),
            splits="source",
            group_column="group_id",
        )
    )
    assert set(second.manifest.targets) == {"label", "content"}
    assert second.manifest.attributes == ("class",)
    assert sorted(fields["group_id"] for _, fields in _records(second).values()) == sorted(
        image_id.encode() for image_id in _records(first)
    )
    assert _images_of(second) == _images_of(first)


def _images_of(built):
    return {
        hashlib.sha256(record["image"][0]).hexdigest() for _, _, record in contents.records(built)
    }
