import pytest

from tfrecords import exits
from trainer import config as configs


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"logical_cpus": 4}, "--logical_cpus is of use with --strategy=mirrored or central_stora"),
        (
            {"remat": True, "model": "vgg16"},
            "--remat is of use with --fine_tune_epochs or a --model without pretrained weights alo",
        ),
        ({"devices": "1"}, "--devices is of use with another --strategy than default alone. Rec"),
        ({"weight_decay": 0.1}, "Received: --weight_decay=0.1. Add --optimizer=adamw, sgd or lion"),
        ({"fine_tune_from": "9"}, "--fine_tune_from is of use with --fine_tune_epochs alone"),
        ({"fine_tune_learning_rate": 0.1}, "with --fine_tune_epochs alone"),
        ({"warmup_epochs": 3, "epochs": 3}, "--warmup_epochs=3 --epochs=3"),
        (
            {"warmup_epochs": 2, "fine_tune_epochs": 1, "model": "vgg16"},
            "--warmup_epochs=2 --fine_tune_epochs=1",
        ),
        ({"nesterov": True}, "--nesterov is of use with --optimizer=sgd alone"),
        ({"decay_epochs": 3}, "--decay_epochs is of use with --schedule=step or plateau alone"),
        (
            {"schedule": "plateau", "decay_epochs": 5},
            "--decay_epochs must be less than --patience, after which training stops. Received: --",
        ),
        ({"batch_norm": "local", "strategy": "central_storage"}, "has but one copy. Use sync"),
        (
            {"augment": "none", "cached_views": 2, "model": "vgg16"},
            "--cached_views is of use with --feature_cache, an --augment but none, and",
        ),
        (
            {"steps_per_call": 8, "strategy": "multi_worker_mirrored"},
            "--steps_per_call is of use with --strategy=default, one_device or mirrored alone. Re",
        ),
        ({"layer_decay": 0.9}, "--layer_decay is of use with --fine_tune_epochs alone"),
        (
            {"class_weights": "balanced", "balanced_sampling": True},
            "--class_weights=balanced and --balanced_sampling even out the classes twice. Use one",
        ),
        (
            {"balanced_sampling": True, "shuffle_labels": True},
            "--balanced_sampling goes by the labels of the dataset, and --shuffle_labels draws oth",
        ),
    ],
)
def test_flags_that_contradict_each_other_are_refused(fields, message):
    with pytest.raises(exits.UsageError, match=message):
        configs.TrainConfig(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"logical_cpus": 4, "strategy": "central_storage"},
        {"weight_decay": 0.1, "optimizer": "lion"},
        {"remat": True},
        {"remat": True, "model": "vgg16", "fine_tune_epochs": 1},
        {"decay_epochs": 3, "schedule": "plateau"},
        {"layer_decay": 0.9, "fine_tune_epochs": 1, "model": "vgg16"},
        {"batch_norm": "local", "strategy": "mirrored"},
        {"class_weights": "balanced", "balanced_sampling": False},
    ],
)
def test_flags_that_go_together_are_allowed(fields):
    assert configs.TrainConfig(**fields)


def test_a_run_without_epochs_is_refused():
    with pytest.raises(exits.UsageError, match="must not both be 0: nothing would be trained"):
        configs.TrainConfig(epochs=0, fine_tune_epochs=0)


def test_epochs_of_one_phase_are_enough():
    assert configs.TrainConfig(epochs=0, fine_tune_epochs=1).epochs == 0
