"""From a source to a test metric, through the functions that the two commands call."""

import pytest

from data_pipeline import pipeline
from data_pipeline.config import BuildConfig
from trainer import config as configs
from trainer import training


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The directory of the embedded sample, built as the command does without flags."""
    data_dir = tmp_path_factory.mktemp("data")
    pipeline.build_dataset(BuildConfig(data_dir=str(data_dir)))
    return str(data_dir)


@pytest.mark.slow
def test_the_sample_teaches_the_label(sample, tmp_path):
    config = configs.TrainConfig(
        data_dir=sample, run_dir=str(tmp_path), strategy="mirrored", epochs=6
    )
    assert training.train_and_evaluate(config)["test"]["auc"] >= 0.95


@pytest.mark.slow
def test_labels_by_lot_teach_nothing_on_the_sample(sample, tmp_path):
    config = configs.TrainConfig(
        data_dir=sample, run_dir=str(tmp_path), strategy="mirrored", epochs=2, shuffle_labels=True
    )
    assert 0.35 < training.train_and_evaluate(config)["test"]["auc"] < 0.65


@pytest.mark.slow
@pytest.mark.shared_data
def test_pretrained_weights_tell_three_classes_and_random_ones_do_not(tmp_path, shared_data):
    pipeline.build_dataset(
        BuildConfig(
            dataset="three_class",
            layout="image_folder",
            source=str(shared_data / "three_class"),
            data_dir=str(tmp_path / "data"),
        )
    )
    file = shared_data / "weights" / "mobilenet_v2_0.35_224_imagenet_notop.weights.h5"
    accuracy = {}
    for weights in (str(file), "none"):
        config = configs.TrainConfig(
            data_dir=str(tmp_path / "data"),
            dataset="three_class",
            run_dir=str(tmp_path / ("random" if weights == "none" else "pretrained")),
            strategy="mirrored",
            model="mobilenet_v2",
            alpha=0.35,
            image_size=96,
            weights=weights,
            epochs=2,
            global_batch_size=32,
        )
        accuracy[weights] = training.train_and_evaluate(config)["test"]["accuracy"]
    assert accuracy[str(file)] >= 0.9
    assert accuracy["none"] <= accuracy[str(file)] - 0.2
