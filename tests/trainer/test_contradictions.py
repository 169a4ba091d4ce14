import pytest

from tfrecords import exits
from trainer import config as configs


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"logical_cpus": 4},
            "--logical_cpus does something only with --strategy=mirrored or central_stora",
        ),
        (
            {"remat": True, "model": "vgg16"},
            "--remat does something only with --fine_tune_epochs or a --model without pre",
        ),
        (
            {"devices": "1"},
            "--devices does something only with a --strategy that is not default. Recei",
        ),
        ({"weight_decay": 0.1}, "Received: --weight_decay=0.1. Add --optimizer=adamw, sgd or lion"),
        ({"fine_tune_from": "9"}, "--fine_tune_from does something only with --fine_tune_epochs"),
        ({"fine_tune_learning_rate": 0.1}, "only with --fine_tune_epochs"),
        ({"warmup_epochs": 3, "epochs": 3}, "--warmup_epochs=3 --epochs=3"),
        (
            {"warmup_epochs": 2, "fine_tune_epochs": 1, "model": "vgg16"},
            "--warmup_epochs=2 --fine_tune_epochs=1",
        ),
        ({"nesterov": True}, "--nesterov does something only with --optimizer=sgd"),
        ({"decay_epochs": 3}, "--decay_epochs does something only with --schedule=step or plateau"),
        (
            {"schedule": "plateau", "decay_epochs": 5},
            "--decay_epochs must be less than --patience, after which training stops. Received: --",
        ),
        ({"batch_norm": "local", "strategy": "central_storage"}, "has but one copy. Use sync"),
        (
            {"augment": "none", "cached_views": 2, "model": "vgg16"},
            "--cached_views does something only with --feature_cache, an --augment but none, and",
        ),
        (
            {"steps_per_call": 8, "strategy": "multi_worker_mirrored"},
            "--steps_per_call does something only with --strategy=default, one_device or mirrored",
        ),
        ({"layer_decay": 0.9}, "--layer_decay does something only with --fine_tune_epochs"),
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
