import dataclasses
import json

import pytest

from tfrecords import exits, settings
from trainer import config as configs
from trainer import run_directory


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (
            "strategy",
            "tpu",
            "--strategy must be one of default, one_device, mirrored, central_storage, "
            "multi_worker_mirrored.",
        ),
        ("optimizer", "rmsprop", "--optimizer must be one of adam, adamw, sgd, lion."),
        ("schedule", "linear", "--schedule must be one of cosine, constant, step, plateau."),
        ("monitor", "f1", "--monitor must be one of loss, accuracy, auc."),
        ("class_weights", "1,2", "--class_weights must be one of none, balanced."),
        ("head", "max", "--head must be one of gap, flatten."),
        ("scaling", "none", "--scaling must be one of own, contrast."),
        ("logits", "2", "--logits must be one of auto, per_class."),
        (
            "augment",
            "mixup",
            "--augment must be one of none, flip, flip_crop, reference, forensic.",
        ),
    ],
)
def test_a_choice_that_does_not_exist_is_refused(field, value, message):
    with pytest.raises(exits.UsageError) as error:
        configs.TrainConfig(**{field: value})
    assert str(error.value) == f"{message} Received: {value!r}."


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("global_batch_size", 0, "--global_batch_size must lie between 1 and 1048576."),
        ("dropout", 1.0, "--dropout must lie between 0 and 0.95."),
        ("feature_dropout", 1.0, "--feature_dropout must lie between 0 and 0.95."),
        ("validation_fraction", 1.0, "--validation_fraction must lie between 0 and 0.9."),
        ("learning_rate", float("nan"), "--learning_rate must lie between 0 and 10."),
        ("image_size", 7, "--image_size must lie between 8 and 4096."),
        ("epochs", -1, "--epochs must lie between 0 and 100000."),
        ("patience", 0, "--patience must lie between 1 and 100000."),
        ("log_steps", 0, "--log_steps must lie between 1 and 1073741824."),
        ("ema_momentum", 1.0, "--ema_momentum must lie between 0 and 0.99999."),
        ("seed", -1, "--seed must lie between 0 and 2000000000."),
    ],
)
def test_a_value_out_of_range_is_refused(field, value, message):
    with pytest.raises(exits.UsageError) as error:
        configs.TrainConfig(**{field: value})
    assert str(error.value) == f"{message} Received: {value}."


@pytest.mark.parametrize(
    "fields",
    [{"dropout": 0.0}, {"dropout": 0.95}, {"clip_norm": 1e9}, {"image_size": 8}],
)
def test_the_ends_of_a_range_are_allowed(fields):
    assert configs.TrainConfig(**fields)


def test_the_run_directory_is_named_after_the_data_and_the_model():
    config = configs.TrainConfig(dataset="faces", target="content", model="vgg16")
    assert str(config.run_path) == "runs/faces_content_vgg16"


def test_the_run_directory_that_is_given_is_taken():
    assert str(configs.TrainConfig(run_dir="elsewhere/first").run_path) == "elsewhere/first"


def test_the_flag_file_spells_values_as_flags_do_and_leaves_out_what_is_not_set():
    lines = configs.TrainConfig(shuffle_labels=True, learning_rate=1e-5).to_flags().splitlines()
    assert "--shuffle_labels=true" in lines
    assert "--deterministic=true" in lines
    assert "--learning_rate=1e-05" in lines
    assert "--dataset=sample" in lines
    assert not [line for line in lines if line.startswith(("--version", "--run_dir"))]


def test_json_gives_the_fields_back():
    config = configs.TrainConfig(epochs=3, image_size=96)
    assert configs.TrainConfig(**json.loads(config.to_json())) == config


def test_the_difference_names_both_values_and_fields_that_one_side_lacks():
    before = json.loads(configs.TrainConfig(epochs=3).to_json())
    del before["seed"]
    before["retired"] = 1
    assert configs.TrainConfig(epochs=4).difference(before) == {
        "epochs": (3, 4),
        "retired": (1, None),
        "seed": (None, 0),
    }


def test_a_parameter_server_is_refused_with_the_reason():
    with pytest.raises(exits.UsageError, match="no gradient of the global batch to be checked"):
        configs.TrainConfig(strategy="parameter_server")


@pytest.mark.parametrize(("text", "indices"), [("", ()), ("1", (1,)), ("2,0", (2, 0))])
def test_devices_are_indices(text, indices):
    strategy = "mirrored"
    assert configs.TrainConfig(strategy=strategy, devices=text).device_indices == indices


@pytest.mark.parametrize("text", ["GPU:0", "0,", "1,1", "-1", "all"])
def test_devices_that_are_no_indices_are_refused(text):
    with pytest.raises(exits.UsageError, match="--devices must be indices of devices, each once"):
        configs.TrainConfig(strategy="mirrored", devices=text)


@pytest.mark.parametrize(("text", "units"), [("", ()), ("512", (512,)), ("2048,64", (2048, 64))])
def test_the_units_of_the_head_are_numbers(text, units):
    assert configs.TrainConfig(head_units=text).head_unit_counts == units


@pytest.mark.parametrize("text", ["0", "512,", "many", "-1", "1.5"])
def test_units_of_the_head_that_are_no_numbers_are_refused(text):
    with pytest.raises(exits.UsageError, match="--head_units must be numbers of units, such as"):
        configs.TrainConfig(head_units=text)


def test_each_field_stands_in_one_section():
    of_sections = [
        name for names in settings.sections(configs.TrainConfig).values() for name in names
    ]
    assert of_sections == [field.name for field in dataclasses.fields(configs.TrainConfig)]


def test_hyperparameters_are_what_decides_the_result():
    found = configs.TrainConfig(learning_rate=0.1, run_dir="elsewhere").hyperparameters()
    assert found["learning_rate"] == 0.1
    assert found["seed"] == 0
    assert not {"run_dir", "strategy", "log_steps", "max_rollbacks"} & found.keys()
    assert not run_directory.MAY_CHANGE & found.keys()
