import dataclasses

import pytest

from tfrecords import exits
from trainer import config as configs
from trainer.capacity import estimates, memory, operations, planning
from trainer.networks import models, precision
from trainer.running import phases

GB = 10**9


def _config(**changes):
    return configs.TrainConfig(global_batch_size=64, device_memory_gb=16, **changes)


def _scatter_nothing(monkeypatch):
    monkeypatch.setattr(estimates, "SCATTERED", 0.0)
    monkeypatch.setattr(estimates, "SCATTERED_AT_FIRST", 0.0)


@pytest.fixture
def choose(monkeypatch):
    """Chooses for a model that takes 100 MB an example."""
    _scatter_nothing(monkeypatch)

    def call(saved=0, remembered_size=None, **changes):
        return planning.choose(
            _config(**changes),
            estimates.Estimate(1, 1, 10**8),
            num_replicas=1,
            saved=saved,
            remembered_size=remembered_size,
        )

    return call


def test_all_that_fits_is_taken(choose):
    assert choose() == planning.Choice(64, "planned 6.4 of 16.0 GB")


def test_what_does_not_fit_is_cut(monkeypatch, choose):
    monkeypatch.setattr(planning, "device_memory", lambda config, num_replicas: 3 * GB)
    assert choose() == planning.Choice(16, "planned 1.6 of 3.0 GB")


def test_where_the_memory_is_not_known_the_whole_batch_is_tried(monkeypatch, choose):
    monkeypatch.setattr(planning, "device_memory", lambda config, num_replicas: None)
    assert choose() == planning.Choice(64, "planned 6.4 GB")


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"micro_batch": "8"}, 8),
        ({"micro_batch": "8", "saved": 4}, 4),
        ({"micro_batch": "8", "saved": 16}, 8),
        ({"micro_batch": "8", "remembered_size": 2}, 8),
        ({"remembered_size": 2}, 2),
        ({"remembered_size": 3}, 2),
        ({"remembered_size": 128}, 64),
        ({"saved": 32, "remembered_size": 2}, 32),
    ],
)
def test_what_is_asked_for_saved_or_remembered_decides(choose, options, size):
    assert choose(**options).size == size


def test_what_was_found_before_is_said(choose):
    assert choose(saved=8).reason == "planned 0.8 of 16.0 GB, as it was found before"


def test_what_is_not_planned_to_fit_is_said(monkeypatch, choose):
    monkeypatch.setattr(planning, "device_memory", lambda config, num_replicas: GB // 20)
    tight = ", which is not planned to fit"
    assert choose() == planning.Choice(1, f"planned 0.1 of 0.1 GB{tight}")
    assert choose(micro_batch="8") == planning.Choice(8, f"planned 0.8 of 0.1 GB{tight}")


def test_a_micro_batch_that_does_not_divide_is_refused(choose):
    with pytest.raises(exits.UsageError, match="Received: 7"):
        choose(micro_batch="7")


def test_the_key_names_all_that_the_memory_depends_on():
    config = _config(model="mobilenet_v2", alpha=0.5, fine_tune_epochs=1, fine_tune_from="90")
    head, fine_tune = phases.plan(config)
    assert planning.memory_key(config, head, 96) == (
        "mobilenet_v2 alpha 0.5, 96 px, float32, head frozen, CPU"
    )
    assert planning.memory_key(config, fine_tune, 96) == (
        "mobilenet_v2 alpha 0.5, 96 px, float32, fine_tune from 90, CPU"
    )

    assert planning.memory_key(config, head, 96, on_features=True) == (
        "mobilenet_v2 alpha 0.5, 96 px, float32, head on features, CPU"
    )
    recomputing = dataclasses.replace(config, remat=True)
    assert planning.memory_key(recomputing, fine_tune, 96) == (
        "mobilenet_v2 alpha 0.5, 96 px, float32, fine_tune from 90, remat, CPU"
    )


@pytest.fixture
def classifier(tiny_backbone):
    return models.build(models.ModelSpec(tiny_backbone, 16, 1))


def test_the_estimate_is_of_the_layers_that_train(classifier):
    classifier.freeze_backbone()
    frozen = planning.estimate(_config(), classifier, 1)
    assert (frozen.parameters, frozen.trainable_parameters) == (63, 6)
    classifier.unfreeze_from("0", train_batch_norm=False)
    whole = planning.estimate(_config(), classifier, 1)
    assert (whole.parameters, whole.trainable_parameters) == (63, 55)
    assert whole.total(8) > frozen.total(8)


def test_what_is_computed_again_is_not_kept():
    classifier = models.build(models.ModelSpec("mobilenet_v2", 96, 1, alpha=0.35))
    found = {}
    for remat in (False, True):
        phase = phases.Phase("fine_tune", 1, 0.1, "0")
        phases.prepare(phase, classifier, pretrained=True, remat=remat)
        found[remat] = planning.estimate(_config(remat=remat), classifier, 1)
    kept, again = found[False], found[True]
    assert again.activations_per_example < 0.45 * kept.activations_per_example
    assert again.largest_micro_batch(GB) > 2 * kept.largest_micro_batch(GB)
    assert again.overhead > kept.overhead
    assert again.inference == kept.inference


@pytest.mark.parametrize(
    ("changes", "num_copies"),
    [
        ({}, 2),
        ({"ema_momentum": 0.9}, 3),
        ({"optimizer": "lion"}, 1),
        ({"optimizer": "sgd"}, 1),
        ({"optimizer": "sgd", "momentum": 0.0}, 0),
        ({"layer_decay": 0.9, "fine_tune_epochs": 1, "model": "vgg16"}, 3),
    ],
)
def test_what_the_optimizer_and_others_keep_is_counted(classifier, changes, num_copies):
    assert planning.estimate(_config(**changes), classifier, 1).kept_copies == num_copies


def test_a_head_on_features_takes_those_and_no_images(classifier):
    classifier.freeze_backbone()
    images = planning.estimate(_config(), classifier, 1)
    features = planning.estimate(_config(), classifier, 1, on_features=True)
    # Five features in float16 and float32, then again with what the head makes of them, and its
    # gradient beside all.
    assert features.activations_per_example < 200 < images.activations_per_example
    assert features.inference == images.inference > 0


def test_half_precision_is_planned_with_half_of_the_activations():
    found = {}
    for name in ("float32", "bfloat16"):
        with precision.of_new_layers(name):
            classifier = models.build(models.ModelSpec("vgg16", 32, 1))
        classifier.unfreeze_from("0", train_batch_norm=False)
        found[name] = planning.estimate(_config(), classifier, 1)
    whole, half = found["float32"], found["bfloat16"]
    assert 0.49 < half.activations_per_example / whole.activations_per_example < 0.55
    assert (whole.in_half, half.in_half) == (False, True)


def test_as_many_examples_are_predicted_at_a_time_as_fit(classifier, monkeypatch):
    def at_a_time(available):
        monkeypatch.setattr(planning, "device_memory", lambda config, num_replicas: available)
        return planning.examples_at_a_time(_config(), classifier, 1)

    assert at_a_time(None) == at_a_time(GB) == 64
    assert at_a_time(GB // 10) == 1
    for_one = memory.bytes_of_inference(operations.of_classifier(classifier))
    monkeypatch.setattr(estimates, "overhead", lambda graph, num_weights: 0)
    monkeypatch.setattr(estimates, "USABLE", 1.0)
    _scatter_nothing(monkeypatch)
    kept = 63 * 4 * 4  # weights, two copies by the optimizer, and sums
    assert at_a_time(kept + int(9 * for_one * estimates.FORWARD_SAFETY)) == 8
