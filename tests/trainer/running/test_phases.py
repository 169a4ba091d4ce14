import pytest

from tfrecords import exits
from trainer import config as configs
from trainer.networks import models
from trainer.running import phases


def _rates(steps, **fields):
    """Learning rates of a run of 2 epochs of 10 steps."""
    config = configs.TrainConfig(epochs=2, learning_rate=0.001, **fields)
    schedule = phases.optimizer(config, phases.plan(config)[0], 10)._learning_rate
    return [float(schedule(step)) for step in steps]


def test_a_cnn_trains_whole_in_one_phase():
    config = configs.TrainConfig(epochs=7, learning_rate=0.5)
    assert phases.plan(config) == [phases.Phase("train", 7, 0.5, "0")]


def test_a_cnn_has_nothing_to_fine_tune():
    with pytest.raises(exits.UsageError) as error:
        phases.plan(configs.TrainConfig(fine_tune_epochs=3))
    assert str(error.value) == (
        "--model=cnn has no backbone to fine-tune. "
        "Received: --fine_tune_epochs=3. Use --epochs alone."
    )


def test_a_backbone_trains_its_head_first():
    config = configs.TrainConfig(
        model="resnet50v2",
        epochs=4,
        learning_rate=0.01,
        fine_tune_epochs=2,
        fine_tune_learning_rate=0.0001,
        fine_tune_from="150",
    )
    assert phases.plan(config) == [
        phases.Phase("head", 4, 0.01, None),
        phases.Phase("fine_tune", 2, 0.0001, "150"),
    ]


@pytest.mark.parametrize(
    ("epochs", "fine_tune_epochs", "names"), [(4, 0, ["head"]), (0, 2, ["fine_tune"])]
)
def test_a_phase_without_epochs_is_left_out(epochs, fine_tune_epochs, names):
    config = configs.TrainConfig(model="vgg16", epochs=epochs, fine_tune_epochs=fine_tune_epochs)
    assert [phase.name for phase in phases.plan(config)] == names


def test_the_rate_rises_to_its_peak_and_falls_on_a_cosine_to_zero():
    # Half of the cosine's 10 steps after the 10 of the warm-up is half of the peak.
    rates = _rates([0, 1, 5, 10, 15, 20], warmup_epochs=1)
    assert rates == pytest.approx([0, 0.0001, 0.0005, 0.001, 0.0005, 0], abs=1e-9)


def test_a_constant_rate_stays_at_its_peak():
    rates = _rates([0, 5, 10, 15, 20], warmup_epochs=1, schedule="constant")
    assert rates == pytest.approx([0, 0.0005, 0.001, 0.001, 0.001], abs=1e-9)


def test_without_warm_up_the_first_rate_is_the_peak():
    assert _rates([0, 10, 20], warmup_epochs=0) == pytest.approx([0.001, 0.0005, 0], abs=1e-9)


def test_a_phase_of_one_step_has_no_warm_up():
    config = configs.TrainConfig(epochs=1, learning_rate=0.001)
    schedule = phases.optimizer(config, phases.plan(config)[0], 1)._learning_rate
    assert float(schedule(0)) == pytest.approx(0.001)


def test_adamw_decays_weights_and_adam_does_not():
    adamw = configs.TrainConfig(optimizer="adamw", weight_decay=0.25, clip_norm=3)
    made = phases.optimizer(adamw, phases.plan(adamw)[0], 10)
    assert (made.weight_decay, made.global_clipnorm) == (0.25, 3)
    adam = configs.TrainConfig(clip_norm=0)
    made = phases.optimizer(adam, phases.plan(adam)[0], 10)
    assert (made.weight_decay, made.global_clipnorm) == (None, None)


# The tiny backbone has 3*4+4 and 4*5+5 parameters in its convolutions, 2*4 trainable ones in its
# batch norm, and 5+1 in the head.
@pytest.mark.parametrize(
    ("first_layer", "trainable"), [(None, 6), ("second", 31), ("norm", 39), ("0", 55)]
)
def test_the_layers_of_a_phase_train_and_no_others(tiny_backbone, first_layer, trainable):
    classifier = models.build(models.ModelSpec(tiny_backbone, 16, 1))
    phases.prepare(phases.Phase("any", 1, 0.1, first_layer), classifier, pretrained=True)
    assert classifier.num_parameters() == (63, trainable)


@pytest.mark.parametrize(("pretrained", "learns"), [(True, False), (False, True)])
def test_only_a_backbone_without_weights_learns_its_statistics(tiny_backbone, pretrained, learns):
    classifier = models.build(models.ModelSpec(tiny_backbone, 16, 1))
    phases.prepare(phases.Phase("any", 1, 0.1, "0"), classifier, pretrained=pretrained)
    assert classifier.train_batch_norm is learns


def test_a_layer_that_the_model_lacks_is_noticed(tiny_backbone):
    classifier = models.build(models.ModelSpec(tiny_backbone, 16, 1))
    phases.check(phases.Phase("head", 1, 0.1, None), classifier)
    phases.check(phases.Phase("fine_tune", 1, 0.1, "norm"), classifier)
    with pytest.raises(exits.UsageError, match="--fine_tune_from must be a layer's name"):
        phases.check(phases.Phase("fine_tune", 1, 0.1, "seconb"), classifier)
