import pytest

from tfrecords import exits
from trainer import config as configs
from trainer.capacity import memory, planning
from trainer.networks import models
from trainer.running import phases

GB = 10**9


def _config(**changes):
    return configs.TrainConfig(global_batch_size=64, device_memory_gb=16, **changes)


@pytest.fixture
def choose(monkeypatch):
    """Chooses for a model that takes 100 MB an example."""
    estimate = memory.Estimate(1, 1, 10**8)
    monkeypatch.setattr(memory, "ACTIVATION_SAFETY", 1.0)
    monkeypatch.setattr(memory, "OVERHEAD_BYTES", 0)
    monkeypatch.setattr(planning, "estimate", lambda config, classifier: estimate)

    def call(saved=0, remembered_size=None, **changes):
        return planning.choose(
            _config(**changes), None, num_replicas=1, saved=saved, remembered_size=remembered_size
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


def test_the_estimate_is_of_the_layers_that_train(tiny_backbone):
    classifier = models.build(models.ModelSpec(tiny_backbone, 16, 1))
    classifier.freeze_backbone()
    frozen = planning.estimate(_config(), classifier)
    assert (frozen.parameters, frozen.trainable_parameters) == (63, 6)
    classifier.unfreeze_from("0", train_batch_norm=False)
    whole = planning.estimate(_config(), classifier)
    assert (whole.parameters, whole.trainable_parameters) == (63, 55)
    assert whole.total(8) > frozen.total(8)
    averaged = planning.estimate(_config(ema_momentum=0.9), classifier)
    assert averaged.total(8) == whole.total(8) + 4 * 55
