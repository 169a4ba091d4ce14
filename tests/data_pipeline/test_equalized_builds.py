"""Builds whose format tells the label, and what mends it."""

import dataclasses
import json

import pytest

from data_pipeline import pipeline
from data_pipeline.config import BuildConfig
from data_pipeline.images import encoding
from data_pipeline.images.encoding import Encoding
from tests.data_pipeline import contents, painted
from tfrecords import exits


def _audit(built):
    numbers = json.loads((built.directory / "statistics.json").read_text())
    return numbers["audit"]["label"], numbers["alike"]


def test_a_format_that_gives_the_label_away_is_called_out_and_mended(tmp_path, capsys):
    painted.shortcut(tmp_path / "source", 240)
    config = BuildConfig(
        dataset="tiny",
        layout="image_folder",
        source=str(tmp_path / "source"),
        data_dir=str(tmp_path / "data"),
    )
    found, alike = _audit(pipeline.build_dataset(config))
    assert (found["source"]["auc"], found["source"]["gives_away"]) == (1.0, "format")
    assert (found["dataset"]["auc"], found["dataset"]["gives_away"]) == (1.0, "JPEG quality")
    assert alike is None
    printed = capsys.readouterr().out
    assert "label can be told with an AUC of 1.00, most of all by JPEG quality." in printed
    assert "  --equalize encodes all images alike." in printed

    equalized = dataclasses.replace(config, equalize=True, version="2.0.0")
    built = pipeline.build_dataset(equalized)
    found, alike = _audit(built)
    assert found["source"]["auc"] == 1.0
    assert found["dataset"]["auc"] <= 0.6
    assert found["dataset"]["gives_away"] is None
    assert alike == {"quality": 75, "subsampling": 2}
    assert "can be told" not in capsys.readouterr().out
    images = [record["image"][0] for _, _, record in contents.records(built)]
    assert {encoding.read(image) for image in images} == {Encoding(75, "4:2:0")}
    with pytest.raises(exits.UsageError, match="was built otherwise"):
        pipeline.build_dataset(dataclasses.replace(config, version="2.0.0"))
