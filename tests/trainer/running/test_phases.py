import keras
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


def test_steps_make_the_rate_smaller_from_epoch_to_epoch():
    rates = _rates([9, 10, 19], warmup_epochs=0, schedule="step", decay_epochs=1, decay_factor=0.5)
    assert rates == pytest.approx([0.001, 0.0005, 0.0005], abs=1e-9)


def test_sgd_and_lion_are_made_as_asked_for():
    sgd = configs.TrainConfig(optimizer="sgd", momentum=0.8, nesterov=True, weight_decay=0.01)
    made = phases.optimizer(sgd, phases.plan(sgd)[0], 10)
    assert (made.momentum, made.nesterov, made.weight_decay) == (0.8, True, 0.01)
    lion = configs.TrainConfig(optimizer="lion", weight_decay=0.1, clip_norm=2)
    made = phases.optimizer(lion, phases.plan(lion)[0], 10)
    assert isinstance(made, keras.optimizers.Lion)
    assert (made.weight_decay, made.global_clipnorm) == (0.1, 2)


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
    head = phases.Phase("head", 1, 0.1, None)
    phases.check([head, phases.Phase("fine_tune", 1, 0.1, "norm")], classifier)
    with pytest.raises(exits.UsageError, match="--fine_tune_from must be a layer's name"):
        phases.check([head, phases.Phase("fine_tune", 1, 0.1, "seconb")], classifier)


def _stages(first_layers):
    return phases.plan(
        configs.TrainConfig(model="vgg16", fine_tune_epochs=3, fine_tune_from=first_layers)
    )


def test_layers_are_unfrozen_step_by_step_in_phases_of_their_own():
    assert _stages("second,norm,0")[1:] == [
        phases.Phase("fine_tune_1", 3, 1e-5, "second"),
        phases.Phase("fine_tune_2", 3, 1e-5, "norm"),
        phases.Phase("fine_tune_3", 3, 1e-5, "0"),
    ]


@pytest.mark.parametrize("first_layers", ["0,second", "norm,norm", "second,first,norm"])
def test_a_stage_that_trains_no_more_than_the_one_before_is_refused(tiny_backbone, first_layers):
    classifier = models.build(models.ModelSpec(tiny_backbone, 16, 1))
    phases.check(_stages("second,norm,0"), classifier)
    with pytest.raises(exits.UsageError, match="from the last to the first, so that each stage"):
        phases.check(_stages(first_layers), classifier)


def test_in_fine_tuning_alone_layers_have_rates_of_their_own(tiny_backbone):
    config = configs.TrainConfig(model="vgg16", fine_tune_epochs=3, layer_decay=0.5)
    classifier = models.build(models.ModelSpec(tiny_backbone, 16, 1))
    expected = ([1] * 2, [0.25] * 4 + [0.5] * 2 + [1] * 2)
    for phase, rates in zip(phases.plan(config), expected, strict=True):
        phases.prepare(phase, classifier, pretrained=True)
        optimizer = phases.optimizer(config, phase, 10)
        optimizer.build(classifier.trainable_variables)
        assert phases.update(config, phase, classifier, optimizer, None).rates == rates
