import dataclasses

import pytest

from data_pipeline.config import BuildConfig
from data_pipeline.sources.layouts.options import SourceOptions
from tfrecords import exits, settings


def test_defaults_build_the_sample():
    config = BuildConfig()
    assert config.layout_name == "sample"
    assert str(config.directory) == "data/sample/1.0.0"
    assert config.fractions() == (0.8, 0.1, 0.1)
    assert config.command() == "python -m data_pipeline.build"


def test_the_command_names_what_decides_the_bytes_and_nothing_else():
    config = BuildConfig(
        dataset="faces",
        layout="image_folder",
        source="my pictures",
        seed=3,
        overwrite=True,
        num_workers=2,
        beam_options=("--streaming",),
    )
    assert config.command() == (
        "python -m data_pipeline.build --dataset=faces --layout=image_folder "
        "'--source=my pictures' --seed=3"
    )


def test_the_options_of_a_dataset_name_its_places_from_everywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = BuildConfig(
        dataset="x", layout="video_folder", source="videos", face_detector="yunet:face.onnx"
    )
    options = config.options()
    assert options["source"] == str(tmp_path / "videos")
    assert options["face_detector"] == f"yunet:{tmp_path / 'face.onnx'}"
    assert options["seed"] == 0
    assert not options.keys() & {"data_dir", "overwrite", "dry_run", "num_workers", "beam_options"}
    assert BuildConfig().options()["source"] is None


def test_a_source_that_is_a_ring_of_links_is_no_traceback(tmp_path):
    (tmp_path / "ring").symlink_to("ring")
    config = BuildConfig(dataset="x", layout="image_folder", source=str(tmp_path / "ring"))
    assert config.source_path == tmp_path / "ring"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dataset": "My-Faces"}, "--dataset must be lower-case.*'My-Faces'"),
        ({"version": "1"}, "--version must look like 1.0.0. Received: '1'"),
        ({"layout": "zoo"}, "--layout must be one of .*image_folder, .* Received: 'zoo'"),
        ({"dataset": "faces"}, "Received: 'faces'. It says how .* --layout=image_folder"),
        ({"image_size": 4}, "--image_size must lie between 8 and 8192. Received: 4"),
        ({"limit": 0}, "--limit must be at least 1. Received: 0"),
        ({"max_reject_fraction": 1.5}, "--max_reject_fraction must lie between 0 and 1"),
        ({"layout": "image_folder", "source": "data"}, "must neither hold the directory"),
        ({"layout": "image_folder", "source": "data/sample/x"}, "nor lie in it"),
        ({"layout": "image_folder", "source": ""}, "--source must not be empty"),
        ({"max_faces": 2}, "--max_faces is for --layout=dfdc or video_folder"),
        ({"face_detector": "yunet:x"}, "Received: --face_detector=yunet:x with --layout=sample"),
        ({"face_detector": "haar"}, "--face_detector must be dlib or yunet:PATH .*'haar'"),
        ({"face_detector": "yunet:"}, "--face_detector must be dlib or yunet:PATH"),
        ({"dataset": "dfdc", "image_size": 64}, "use --face_size instead of --image_size=64"),
        ({"dataset": "dfdc", "face_margin": 0.5}, "--face_margin must lie between 1 and 4"),
        ({"dataset": "dfdc", "frames_per_video": 0}, "--frames_per_video must lie between 1"),
        (
            {"dataset": "cifake"},
            "needs --source=DIRECTORY, .* --source=kaggle to fetch https://www",
        ),
        ({"layout": "tfds", "source": "kaggle"}, "kaggle is for --layout=cifake or .*=./kaggle"),
        ({"path_column": "x"}, "--path_column is for --layout=image_csv, .*--layout=sample"),
        ({"group_column": "x"}, "--group_column is for --layout=image_csv or tfds"),
        ({"layout": "tfds", "label_values": "0=a"}, "--label_values is for --layout=image_csv"),
        ({"layout": "image_csv", "path_column": ""}, "must not be empty. Received: --path_column="),
        ({"layout": "image_csv", "label_values": "0,1"}, "must say .*0=real,1=fake. .*'0,1'"),
        ({"layout": "image_csv", "label_values": "0=a,0=b"}, "must say of each value which class"),
        ({"layout": "image_csv", "label_values": "0=,1=b"}, "must name a class for each value"),
        ({"splits": "0.8,0.2"}, "--splits must be the shares .* Received: '0.8,0.2'"),
        ({"splits": "0.8,0.1,0.2"}, "--splits must be the shares"),
        ({"near_duplicate_bits": 9}, "--near_duplicate_bits must lie between -1 and 8"),
        ({"splits": "train"}, "--splits must be the shares"),
        ({"splits": "1.1,-0.1,0"}, "--splits must be the shares"),
    ],
)
def test_wrong_usage_gets_the_value_and_the_remedy(changes, words):
    with pytest.raises(exits.UsageError, match=words):
        BuildConfig(**changes)


def test_the_source_can_decide_the_splits():
    assert BuildConfig(splits="source").fractions() is None
    assert BuildConfig(splits="source-disjoint").fractions() is None


def test_what_a_layout_is_told_stands_in_the_command():
    config = BuildConfig(
        dataset="faces",
        layout="image_csv",
        source="faces.zip",
        path_column="file",
        label_column="target",
        group_column="person",
        label_values="0=Real, 1=fake",
        seed=3,
    )
    assert config.source_options() == SourceOptions(
        seed=3,
        path_column="file",
        label_column="target",
        group_column="person",
        label_values={"0": "real", "1": "fake"},
    )
    assert config.command() == (
        "python -m data_pipeline.build --dataset=faces --layout=image_csv --source=faces.zip "
        "--path_column=file --label_column=target --group_column=person "
        "'--label_values=0=Real, 1=fake' --seed=3"
    )


def test_a_source_on_kaggle_is_no_path():
    config = BuildConfig(dataset="faces_140k", source="kaggle")
    assert config.is_on_kaggle
    assert config.source_path is None
    assert config.remote.url == (
        "https://www.kaggle.com/datasets/xhlulu/140k-real-and-fake-faces/versions/2"
    )
    assert not BuildConfig(dataset="faces_140k", source="./kaggle").is_on_kaggle


def test_a_flag_that_is_on_has_no_value_in_the_command():
    assert BuildConfig(equalize=True).command() == "python -m data_pipeline.build --equalize"


def test_each_flag_stands_in_one_section():
    of_sections = [name for names in settings.sections(BuildConfig).values() for name in names]
    names = [field.name for field in dataclasses.fields(BuildConfig)]
    assert of_sections == [name for name in names if name != "beam_options"]
