"""Builds of pictures that look alike: tied, told, left out."""

import io
import json
import pathlib
import shutil

from PIL import Image, ImageOps

from data_pipeline import pipeline
from data_pipeline.sample import painter
from tests.data_pipeline import contents


def _paint(path, index, *, mirrored=False):
    """Writes a picture of the sample, as it is or mirrored and at another quality."""
    path.parent.mkdir(parents=True, exist_ok=True)
    jpeg = painter.paint("vehicles", False, 0, index)
    if mirrored:
        file = io.BytesIO()
        ImageOps.mirror(Image.open(io.BytesIO(jpeg))).save(file, "JPEG", quality=80)
        jpeg = file.getvalue()
    path.write_bytes(jpeg)


def _source_with_look_alikes(root):
    for index, split in enumerate(("train", "train", "train", "validation", "test", "test")):
        _paint(root / split / ("real", "fake")[index % 2] / f"{index}.jpg", index)
    _paint(root / "train" / "fake" / "4 again.jpg", 4, mirrored=True)
    _paint(root / "train" / "real" / "3 again.jpg", 3, mirrored=True)
    return str(root)


def test_look_alikes_are_one_group_in_one_split(make_config, tmp_path, capsys):
    source = _source_with_look_alikes(tmp_path / "alike")
    built = pipeline.build_dataset(make_config(source=source, splits="0.6,0.2,0.2"))
    where: dict = {}
    for split, _, record in contents.records(built):
        name = record["image_id"][0].decode().rsplit("/")[-1]
        where[name] = split, record["group_id"][0]
    assert where["4.jpg"] == where["4 again.jpg"]
    assert where["3.jpg"] == where["3 again.jpg"]
    assert len({group for _, group in where.values()}) == 6
    assert built.manifest.near_duplicates == {"groups": 2, "images": 4}
    assert "Look alike: 4 images in 2 groups, each group in one split." in capsys.readouterr().out
    page = (built.directory / "report.html").read_text()
    assert "4 images in 2 groups, the largest of 2" in page
    assert "train/fake/4 again.jpg" in page


def test_what_leaks_between_the_sources_splits_is_said_and_written(make_config, tmp_path, capsys):
    source = _source_with_look_alikes(tmp_path / "alike")
    built = pipeline.build_dataset(make_config(source=source, splits="source"))
    assert built.manifest.num_examples == 8
    statistics = json.loads((built.directory / "statistics.json").read_text())
    assert statistics["leaks"]["near_duplicates"] == {
        "train-validation": 1,
        "train-test": 1,
        "validation-test": 0,
    }
    printed = capsys.readouterr().out
    assert "Images of train that test has too: near duplicates 1." in printed
    assert "--splits=source-disjoint leaves them out" in printed
    page = (built.directory / "report.html").read_text()
    assert "What the source's splits share" in page
    for pair in ("train and validation", "train and test", "validation and test"):
        assert f">{pair}</th>" in page


def test_a_split_that_the_source_has_not_is_no_column_of_what_leaks(make_config, tmp_path):
    source = _source_with_look_alikes(tmp_path / "alike")
    shutil.rmtree(pathlib.Path(source) / "validation")
    built = pipeline.build_dataset(make_config(source=source, splits="source"))
    page = (built.directory / "report.html").read_text()
    assert ">train and test</th>" in page
    assert "train and validation" not in page


def test_disjoint_splits_leave_out_of_training_what_is_tested(make_config, tmp_path, capsys):
    source = _source_with_look_alikes(tmp_path / "alike")
    # Two of eight are left out; that is no fault of the files.
    built = pipeline.build_dataset(
        make_config(source=source, splits="source-disjoint", max_reject_fraction=0.0)
    )
    content = built.manifest
    assert (content.listed, content.num_examples, content.rejects) == (8, 6, {"leak": 2})
    assert {name: split.num_examples for name, split in content.splits.items()} == {
        "train": 3,
        "validation": 1,
        "test": 2,
    }
    printed = capsys.readouterr().out
    assert "They are left out of the split that is named first." in printed
    assert "Rejected: 2 (leak 2)." in printed
