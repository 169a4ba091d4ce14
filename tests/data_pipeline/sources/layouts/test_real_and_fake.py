"""Small copies of public sets, with their traps, as they lie on disk."""

import pathlib
import shutil
import zipfile

import pytest

from data_pipeline.sources.layouts import real_and_fake
from data_pipeline.sources.layouts.options import SourceOptions
from tfrecords import exits

FACES = "real_vs_fake/real-vs-fake"
FACES_HEADER = ",original_path,id,label,label_str,path\n"
FACES_CSV = {  # 1 is real
    "train.csv": (
        "0,/kaggle/input/ffhq/a.png,a,1,real,train/real/00001.jpg\n"
        "1,/kaggle/input/ffhq/b.png,b,0,fake,train/real/00002.jpg\n"
        "2,/kaggle/input/gan/c.jpg,c,0,fake,train/fake/00001.jpg\n"
        "3,/kaggle/input/gan/d.jpg,d,0,real,train/fake/00003.jpg\n"
        "4,/kaggle/input/gan/e.jpg,e,0,fake,train/fake/00004.jpg\n"
    ),
    "valid.csv": (
        "0,/kaggle/input/ffhq/f.png,f,1,real,valid/real/00005.jpg\n"
        "1,/kaggle/input/gan/g.jpg,g,0,fake,valid/fake/00006.jpg\n"
    ),
    "test.csv": (
        "0,/kaggle/input/ffhq/h.png,h,1,real,test/real/00007.jpg\n"
        "1,/kaggle/input/gan/i.jpg,i,0,fake,test/fake/00008.jpg\n"
    ),
}
FACES_FILES = (
    "train/real/00001.jpg",
    "train/real/00002.jpg",
    "train/fake/00001.jpg",
    "train/fake/00003.jpg",
    "valid/real/00005.jpg",
    "valid/fake/00006.jpg",
    "test/real/00007.jpg",
    "test/fake/00008.jpg",
)


def _write(root, files):
    """Writes texts by their paths below the root."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def _faces(root):
    _write(root, {name: FACES_HEADER + rows for name, rows in FACES_CSV.items()})
    return _write(root, {f"{FACES}/{name}": name for name in FACES_FILES})


def _artifact(root, prefix="ArtiFact_240K/"):
    names = {
        "train/real/human_faces/human_faces_00001.jpg": 0,
        "train/fake/human_faces/human_faces_00001.jpg": 1,
        "train/fake/animals/red_panda_00002.jpg": 1,
        "train/real/vehicles/vehicles_00003.jpg": 1,  # disagrees
        "validation/real/vehicles/vehicles_00004.jpg": 0,
        "validation/fake/animals/animals_00005.jpg": 1,
        "validation/fake/animals/animals_99999.jpg": 1,  # is not there
    }
    rows = [f"{prefix}{name},{label},{name.split('/')[2]}\n" for name, label in names.items()]
    files = {name: name for name in names if "99999" not in name}
    files |= {f"test/test_0000{index}.jpg": str(index) for index in range(3)}
    files["metadata.csv"] = "image_path,label,class\n" + "".join(rows)
    return _write(root, files)


def _zipped(root):
    path = root.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(root.rglob("*")):
            archive.write(file, file.relative_to(root))
    return path


def _references(listing):
    return [
        (item.image_id, dict(item.targets), item.split, item.location.read().decode())
        for item in listing.references
    ]


def _rejects(listing):
    return [(item.image_id, item.reason, item.detail) for item in listing.rejects]


FAKE, REAL = {"label": 1}, {"label": 0}
FACES_REFERENCES = [
    ("test/fake/00008.jpg", FAKE, "test", "test/fake/00008.jpg"),
    ("test/real/00007.jpg", REAL, "test", "test/real/00007.jpg"),
    ("train/fake/00001.jpg", FAKE, "train", "train/fake/00001.jpg"),
    ("train/real/00001.jpg", REAL, "train", "train/real/00001.jpg"),
    ("valid/fake/00006.jpg", FAKE, "validation", "valid/fake/00006.jpg"),
    ("valid/real/00005.jpg", REAL, "validation", "valid/real/00005.jpg"),
]


@pytest.mark.parametrize("around", ["", "xhlulu/140k-real-and-fake-faces/versions/2/"])
@pytest.mark.parametrize("pack", [pathlib.Path, _zipped])
def test_faces_140k_is_what_folders_and_csv_files_agree_on(tmp_path, around, pack):
    _faces(tmp_path / "input" / around)
    listing = real_and_fake.faces_140k(pack(tmp_path / "input"), SourceOptions())
    assert _references(listing) == FACES_REFERENCES
    table = f"{around}train.csv"
    assert _rejects(listing) == [
        (
            "train/fake/00003.jpg",
            "label_disagrees",
            f"its folders say fake, {table} says real",
        ),
        (
            "train/real/00002.jpg",
            "label_disagrees",
            f"its folders say real, {table} says fake",
        ),
    ]
    assert listing.notes == (
        "train: 4 of 5 files.",
        "Files in another folder than a csv file says: 2.",
    )
    assert listing.targets["label"].positive == "fake"


def test_without_csv_files_the_known_counts_say_what_is_missing(tmp_path):
    _faces(tmp_path)
    shutil.rmtree(tmp_path / FACES / "test")
    listing = real_and_fake.faces_140k(tmp_path / FACES, SourceOptions())
    assert len(listing.references) == 6
    assert listing.rejects == ()
    assert listing.notes == (
        "train: 4 of 100,000 files.",
        "validation: 2 of 20,000 files.",
        "test: 0 of 20,000 files.",
    )


def test_one_split_alone_is_no_partial_copy(tmp_path):
    listing = real_and_fake.faces_140k(_faces(tmp_path) / FACES / "valid", SourceOptions())
    assert [(item.image_id, item.split) for item in listing.references] == [
        ("fake/00006.jpg", None),
        ("real/00005.jpg", None),
    ]
    assert listing.notes == ()


def test_a_csv_file_without_its_column_is_named(tmp_path):
    _write(_faces(tmp_path), {"train.csv": "id,label\n1,0\n"})
    with pytest.raises(
        exits.DataError, match=r"train.csv needs a column path. Received: id, label"
    ):
        real_and_fake.faces_140k(tmp_path, SourceOptions())


@pytest.mark.parametrize("pack", [pathlib.Path, _zipped])
def test_deepfake_and_real_is_found_around_its_splits(tmp_path, pack):
    names = [
        "Dataset/Test/Fake/fake_0.jpg",
        "Dataset/Test/Real/real_0.jpg",
        "Dataset/Train/Fake/fake_0.jpg",
        "Dataset/Train/Real/real_0.jpg",
        "Dataset/Train/Thumbs/x.db",
        "Dataset/Train/readme.txt",
        "Dataset/Validation/Fake/fake_0.jpg",
        "Dataset/Validation/Real/real_0.jpg",
    ]
    _write(tmp_path / "source", {name: name for name in names})
    listing = real_and_fake.deepfake_and_real(pack(tmp_path / "source"), SourceOptions())
    assert [(image_id, targets, split) for image_id, targets, split, _ in _references(listing)] == [
        ("Test/Fake/fake_0.jpg", FAKE, "test"),
        ("Test/Real/real_0.jpg", REAL, "test"),
        ("Train/Fake/fake_0.jpg", FAKE, "train"),
        ("Train/Real/real_0.jpg", REAL, "train"),
        ("Validation/Fake/fake_0.jpg", FAKE, "validation"),
        ("Validation/Real/real_0.jpg", REAL, "validation"),
    ]
    assert _rejects(listing) == [
        ("Train/Thumbs/x.db", "no_class", "outside the folders real and fake"),
        ("Train/readme.txt", "no_class", "outside the class folders"),
    ]
    assert listing.notes[:2] == ("train: 2 of 140,002 files.", "validation: 2 of 39,428 files.")


@pytest.mark.parametrize("pack", [pathlib.Path, _zipped])
def test_cifake_has_two_splits_and_small_images(tmp_path, pack):
    names = [f"{split}/{name}/0000.jpg" for split in ("train", "test") for name in ("REAL", "FAKE")]
    _write(tmp_path / "source", {name: name for name in names})
    listing = real_and_fake.cifake(pack(tmp_path / "source"), SourceOptions())
    assert _references(listing) == [
        ("test/FAKE/0000.jpg", FAKE, "test", "test/FAKE/0000.jpg"),
        ("test/REAL/0000.jpg", REAL, "test", "test/REAL/0000.jpg"),
        ("train/FAKE/0000.jpg", FAKE, "train", "train/FAKE/0000.jpg"),
        ("train/REAL/0000.jpg", REAL, "train", "train/REAL/0000.jpg"),
    ]
    assert listing.image_size == 32
    assert listing.notes == ("train: 2 of 100,000 files.", "test: 2 of 20,000 files.")


@pytest.mark.parametrize("prefix", ["", "ArtiFact_240K/"])
@pytest.mark.parametrize("around", ["", "ArtiFact_240K/"])
@pytest.mark.parametrize("pack", [pathlib.Path, _zipped])
def test_artifact_240k_has_two_targets_and_a_split_without_labels(tmp_path, prefix, around, pack):
    _artifact(tmp_path / "source" / around, prefix)
    listing = real_and_fake.artifact_240k(pack(tmp_path / "source"), SourceOptions())
    assert [
        (item.image_id, dict(item.targets), item.split, dict(item.attributes))
        for item in listing.references
    ] == [
        (
            "train/fake/animals/red_panda_00002.jpg",
            {"label": 1, "content": 0},
            "train",
            {"class": "red_panda"},
        ),
        (
            "train/fake/human_faces/human_faces_00001.jpg",
            {"label": 1, "content": 1},
            "train",
            {"class": "human_faces"},
        ),
        (
            "train/real/human_faces/human_faces_00001.jpg",
            {"label": 0, "content": 1},
            "train",
            {"class": "human_faces"},
        ),
        (
            "validation/fake/animals/animals_00005.jpg",
            {"label": 1, "content": 0},
            "validation",
            {"class": "animals"},
        ),
        (
            "validation/real/vehicles/vehicles_00004.jpg",
            {"label": 0, "content": 2},
            "validation",
            {"class": "vehicles"},
        ),
    ]
    assert _rejects(listing) == [
        (
            "train/real/vehicles/vehicles_00003.jpg",
            "label_disagrees",
            "its folders say real and vehicles, metadata.csv says fake",
        ),
        *(
            (f"test/test_0000{index}.jpg", "no_label", "test has no class folders")
            for index in range(3)
        ),
    ]
    assert listing.notes == (
        "validation: 2 of 3 files.",
        "test: 3 of 12,002 files.",
        "Files without a label: 3, such as test/test_00000.jpg. "
        "Splits with labels: train, validation.",
        "Files in another folder than a csv file says: 1.",
    )
    assert listing.targets["content"].class_names == ("animals", "human_faces", "vehicles")
    assert listing.attributes == ("class",)


def test_a_content_that_the_csv_file_calls_otherwise_is_a_reject(tmp_path):
    text = "image_path,label,class\ntrain/fake/animals/red_panda_00002.jpg,1,vehicles\n"
    _write(_artifact(tmp_path), {"metadata.csv": text})
    listing = real_and_fake.artifact_240k(tmp_path, SourceOptions())
    assert _rejects(listing)[0] == (
        "train/fake/animals/red_panda_00002.jpg",
        "label_disagrees",
        "its folders say fake and animals, metadata.csv says vehicles",
    )


def test_an_image_outside_all_contents_is_a_reject(tmp_path):
    _write(_artifact(tmp_path), {"train/fake/plants/rose_1.jpg": ""})
    listing = real_and_fake.artifact_240k(tmp_path, SourceOptions())
    assert (
        "train/fake/plants/rose_1.jpg",
        "no_class",
        "outside animals, human_faces, vehicles",
    ) in _rejects(listing)


@pytest.mark.parametrize("list_source", [real_and_fake.faces_140k, real_and_fake.cifake])
def test_a_source_of_another_shape_is_refused(tmp_path, list_source):
    _write(tmp_path, {"train/real/1.jpg": "", "train/deepfake/2.jpg": ""})
    with pytest.raises(exits.DataError, match="needs files in folders real and fake. Received: d"):
        list_source(tmp_path, SourceOptions())


def test_a_source_is_needed():
    with pytest.raises(exits.UsageError, match="--layout=cifake needs --source=DIRECTORY or"):
        real_and_fake.cifake(None, SourceOptions())
