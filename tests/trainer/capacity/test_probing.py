import pytest

from trainer import config as configs
from trainer.capacity import estimates, probing
from trainer.networks import models
from trainer.running import phases


@pytest.mark.parametrize(
    ("activations", "micro_batch", "expected"),
    [(1 << 20, 64, 64), (1 << 24, 512, 64), (1 << 31, 8, 1), (0, 8, 8)],
)
def test_a_probe_takes_as_many_examples_as_any_machine_has_memory_for(
    activations, micro_batch, expected
):
    estimated = estimates.Estimate(1, 1, activations)
    assert probing.num_examples(estimated, micro_batch) == expected


@pytest.mark.parametrize("on_features", [False, True])
def test_training_takes_time(tiny_backbone, on_features):
    config = configs.TrainConfig(model=tiny_backbone)
    classifier = models.build(models.ModelSpec(tiny_backbone, 16, 1))
    classifier.freeze_backbone()
    phase = phases.plan(config)[0]
    assert probing.seconds_of_training(config, phase, classifier, 2, on_features=on_features) > 0
    assert probing.seconds_of_features(classifier, 2) > 0
