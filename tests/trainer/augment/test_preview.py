import dataclasses
import pathlib

import numpy as np
import pytest
from PIL import Image

from tests import tiny
from tfrecords import dataset, exits, settings
from trainer.augment import __main__ as entry
from trainer.augment import policies, preview


@pytest.fixture
def data_dir(tmp_path):
    tiny.write(tmp_path / "data")
    return str(tmp_path / "data")


def test_every_field_has_a_flag_with_its_default():
    entry.parse_flags(["trainer.augment"])
    for field in dataclasses.fields(preview.PreviewConfig):
        assert entry.FLAGS[field.name].default == field.default, field.name
    assert settings.read(preview.PreviewConfig, entry.FLAGS) == preview.PreviewConfig()


def test_a_picture_of_eight_images_eight_times_is_written(data_dir, tmp_path):
    path = tmp_path / "new" / "picture.png"
    config = preview.PreviewConfig(data_dir=data_dir, dataset="tiny", output=str(path))
    assert preview.write(config) == (
        f"Wrote {path}: in each of 8 rows an image of tiny as it is stored, and 8 times as "
        "--augment=flip_crop changes it."
    )
    with Image.open(path) as picture:
        assert picture.size == (9 * 20, 8 * 20)


def test_each_row_is_one_image_in_epoch_after_epoch(data_dir):
    source = dataset.find(pathlib.Path(data_dir), "tiny")
    rows = preview.augmented(source, policies.POLICIES["flip_crop"], image_size=16, seed=0)
    assert rows.shape == (8, 9, 16, 16, 3)
    assert len({row[0].tobytes() for row in rows}) == 8
    for row in rows:
        assert len({image.tobytes() for image in row}) > 2
        assert np.abs(row.mean(axis=(1, 2, 3)) - row[0].mean()).max() < 3


def test_the_mosaic_keeps_every_pixel():
    rows = np.arange(2 * 3 * 2 * 2 * 3, dtype=np.uint8).reshape(2, 3, 2, 2, 3)
    found = preview.mosaic(rows)
    assert found.shape == (12, 18, 3)
    assert np.array_equal(found[10:, 4:6], rows[1, 0])
    assert np.array_equal(found[4:6, 16:], rows[0, 2])
    assert (found[:4] == 255).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"augment": "mixup"},
            "--augment must be one of none, flip, flip_crop, reference, forensic.",
        ),
        ({"image_size": 3}, "--image_size must lie between 8 and 4096. Received: 3."),
        ({"output": "a.jpg"}, "--output must be the name of a .png file. Received: 'a.jpg'."),
    ],
)
def test_a_wrong_value_is_named(changes, message):
    with pytest.raises(exits.UsageError, match=message):
        preview.PreviewConfig(**changes)


def test_a_place_where_nothing_can_be_written_is_named(data_dir, tmp_path):
    (tmp_path / "file").write_text("")
    output = str(tmp_path / "file" / "a.png")
    config = preview.PreviewConfig(data_dir=data_dir, dataset="tiny", output=output)
    with pytest.raises(exits.UsageError, match=r"--output=.*a.png cannot be written: "):
        preview.write(config)
