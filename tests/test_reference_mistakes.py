"""The mistakes of well-known student projects: each has tests that fail if it comes back.

Most are tested where they belong, and named here; those that belong to no single module follow.
"""

import ast
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests import tiny
from tfrecords import dataset
from trainer import config as configs
from trainer import input_pipeline, task, training
from trainer.reporting import events

TESTS = pathlib.Path(__file__).parent

GUARDS = {
    "the order of folders decides what a label means": [
        "data_pipeline/sources/layouts/test_image_folder.py::test_real_is_0_and_fake_is_1_whatever_the_alphabet_says",
    ],
    "the page forgets the scaling of the training": [
        "trainer/test_bundle.py::test_a_bundle_predicts_what_the_evaluation_on_two_replicas_did",
        "trainer/networks/test_models.py::test_each_backbone_sees_pixels_as_its_weights_were_trained",
    ],
    "RGB in training and BGR in prediction": [
        "test_reference_mistakes.py::test_red_is_the_first_channel",
        "trainer/networks/test_models.py::test_each_backbone_sees_pixels_as_its_weights_were_trained",
    ],
    "test images are flipped at random": [
        "test_reference_mistakes.py::test_images_of_an_evaluation_are_those_of_the_dataset",
    ],
    "frames of a video lie on both sides of a split": [
        "data_pipeline/planning/test_plan.py::test_each_file_has_one_fate_and_no_group_straddles_splits",
        "tfrecords/test_reader.py::test_a_part_of_the_training_groups_is_held_out",
    ],
    "the confusion matrix is that of training data": [
        "test_reference_mistakes.py::test_the_confusion_matrix_is_that_of_the_test_split",
    ],
    "a second fit goes on with the first": [
        "test_reference_mistakes.py::test_a_second_run_does_not_go_on_with_the_first",
    ],
    "models share a checkpoint file": [
        "trainer/test_training.py::test_other_flags_in_the_same_directory_are_refused",
        "trainer/test_recipes.py::test_no_two_recipes_share_a_run_directory",
    ],
    "validation is on a few batches": [
        "test_reference_mistakes.py::test_validation_is_on_every_example",
        "trainer/scoring/test_evaluation.py::test_each_example_is_counted_once_and_in_stored_order",
    ],
    "a headline without its interval": [
        "test_reference_mistakes.py::test_an_accuracy_says_how_sure_it_is",
        "trainer/scoring/test_metrics.py::test_the_wilson_interval_is_that_of_the_textbook",
    ],
    "a constant predictor is published": [
        "trainer/scoring/test_metrics.py::test_a_constant_predictor_knows_nothing",
        "trainer/running/test_alarms.py::test_one_predicted_class_raises_one_each_time",
    ],
    "training waits for a generator in Python": [
        "test_reference_mistakes.py::test_no_python_stands_between_the_records_and_the_device",
        "test_reference_mistakes.py::test_the_log_says_how_long_training_waited_for_its_input",
    ],
    "capsules that have stopped learning": [
        "trainer/running/test_alarms.py::test_an_accuracy_that_stays_to_four_digits_for_three_epochs_raises_one",
        "trainer/networks/test_capsule.py::test_lengths_leave_room_to_learn_however_many_capsules_there_are",
    ],
}


@pytest.mark.parametrize("mistake", GUARDS)
def test_each_guard_exists(mistake):
    for guard in GUARDS[mistake]:
        path, name = guard.split("::")
        tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, guard


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Two runs with the same flags, one after the other in one process."""
    directory = tmp_path_factory.mktemp("run")
    tiny.write(directory / "data", validation=17, test=11)
    summaries = []
    for name in ("first", "second"):
        config = configs.TrainConfig(
            data_dir=str(directory / "data"),
            dataset="tiny",
            run_dir=str(directory / name),
            epochs=1,
            global_batch_size=8,
            augment="flip_crop",
        )
        summaries.append(training.train_and_evaluate(config))
    source = dataset.find(directory / "data", "tiny")
    return {"task": task.Task(config, source), "summaries": summaries, "path": directory / "first"}


def test_red_is_the_first_channel(tmp_path):
    Image.new("RGB", (16, 16), (250, 10, 30)).save(tmp_path / "red.png")
    jpeg = tmp_path / "red.jpg"
    Image.open(tmp_path / "red.png").save(jpeg, quality=95)
    decoded = input_pipeline.decode(tf.io.read_file(str(jpeg)), 16).numpy()
    assert np.abs(decoded.astype(int) - [250, 10, 30]).max() <= 3


def test_images_of_an_evaluation_are_those_of_the_dataset(run):
    for _ in range(2):
        batches = list(run["task"].eval_batches("test").as_numpy_iterator())
        images = np.concatenate([batch["image"] for batch in batches])[:11]
        assert all("noise" not in batch for batch in batches)
        stored = input_pipeline.images_at(run["task"].source, "test", list(range(11)), 16)
        assert np.array_equal(images, np.stack([image for _, image in stored]))


def test_the_confusion_matrix_is_that_of_the_test_split(run):
    matrix = np.array(run["summaries"][0]["test"]["confusion_matrix"])
    # The test split has 6 real and 5 fake examples; rows are the classes.
    assert matrix.sum(axis=1).tolist() == [6, 5]


def test_a_second_run_does_not_go_on_with_the_first(run):
    first, second = run["summaries"]
    assert first["steps"] == second["steps"] == 6
    assert first["weights_sha256"] == second["weights_sha256"]


def test_validation_is_on_every_example(run):
    assert run["summaries"][0]["validation"]["examples"] == 17


def test_an_accuracy_says_how_sure_it_is(run):
    test = run["summaries"][0]["test"]
    low, high = test["accuracy_interval"]
    assert low <= test["accuracy"] <= high
    assert high - low > 0.2  # of 11 examples


def test_no_python_stands_between_the_records_and_the_device(run):
    for batches in (run["task"].train_batches(epoch=0), run["task"].eval_batches("test")):
        graph = batches._as_serialized_graph().numpy()
        assert b"ParallelMapDataset" in graph
        assert b"PyFunc" not in graph


def test_the_log_says_how_long_training_waited_for_its_input(run):
    lines = [line for line in events.read_metrics(run["path"]) if line["split"] == "train"]
    assert lines
    assert all(0 <= line["input_wait_share"] <= 1 for line in lines)
