"""Each recipe of launch/recipes: its number of parameters, and a run of it in small."""

import dataclasses
import functools
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from absl import flags

from tests import tiny
from tests.trainer import conftest
from tfrecords import dataset, settings
from trainer import config as configs
from trainer import task, training
from trainer.networks import backbones, models, pretrained
from trainer.running import losses, phases

pytestmark = pytest.mark.usefixtures("no_pictures")

RECIPES = pathlib.Path(__file__).parents[2] / "launch" / "recipes"

# Total and trainable parameters of the last phase, as the notebooks printed them.
PARAMETERS = {
    "R0a": (21_912_107, 1_050_627),
    "R0b": (70_297_410, 55_582_722),
    "R1a": (10_128_577, 10_128_577),
    "R1b": (679_558, 679_558),
    "R1c": (21_124_010, 262_530),
    "R2a": (14_846_273, 131_585),
    "R2b": (21_386_281, 524_801),
    "R2c": (24_112_513, 524_801),
    "R2d": (11_169_089, 11_169_089),
    "R3": (54_339_810, 54_279_266),
    "R4a_full": (23_566_849, 23_521_409),
    "R4a_frozen": (23_566_849, 2_049),
    "R4a_from_150": (23_566_849, 15_236_097),
    "R4b_full": (7_038_529, 6_954_881),
    "R4b_frozen": (7_038_529, 1_025),
    "R4b_from_370": (7_038_529, 1_213_697),
    "R4c": (1_842_017, 1_838_977),
}
CONTENTS = ("animals", "human_faces", "vehicles")
# The smallest image that the network of a recipe takes.
SIZES = {
    "R0a": 71,
    "R1a": 22,
    "R1b": 25,
    "R1c": 71,
    "R2b": 71,
    "R2d": 22,
    "R3": 75,
    "R4c": 64,
}


def _config(recipe, *changes):
    """The configuration that the command makes of a recipe and of flags that follow it."""
    values = flags.FlagValues()
    settings.define(configs.TrainConfig, flags, values)
    values(["trainer.main", f"--flagfile={RECIPES / recipe}.flags", *changes])
    return settings.read(configs.TrainConfig, values)


def _write(data_dir, recipe, **options):
    """A tiny dataset that goes with a recipe: of its name, with its classes."""
    config = _config(recipe)
    classes = CONTENTS if config.target == "content" else ("real", "fake")
    tiny.write(
        data_dir, name=config.dataset, class_names=classes, target_name=config.target, **options
    )
    return config


# Stages of one recipe share their model; it takes seconds to build.
@functools.lru_cache(maxsize=1)
def _build(spec: models.ModelSpec):
    return pretrained.build(spec, "none")


def test_each_recipe_is_tested_here():
    assert sorted(path.stem for path in RECIPES.glob("R*.flags")) == sorted(PARAMETERS)


@pytest.mark.parametrize("recipe", PARAMETERS)
def test_a_recipe_has_exactly_the_parameters_of_its_notebook(tmp_path, recipe):
    options = {"train": 4, "validation": 3, "test": 3}
    config = _write(tmp_path, recipe, **options)
    source = dataset.find(tmp_path, config.dataset)
    met = task.Task(_config(recipe, "--global_batch_size=4"), source)
    assert met.weights == ("none" if config.model.startswith(("cnn", "caps")) else "imagenet")
    classifier = _build(met.model_spec)
    phases.prepare(phases.plan(config)[-1], classifier, pretrained=met.weights != "none")
    assert classifier.num_parameters() == PARAMETERS[recipe]


def _run(directory, recipe, *changes):
    """Runs a recipe for an epoch a phase on a tiny dataset, and checks what it leaves."""
    as_it_is = _config(recipe)
    is_without_validation = as_it_is.validation_fraction > 0
    num_validation = 0 if is_without_validation else 4
    _write(directory, recipe, train=16, validation=num_validation, test=6, group_size=2)
    epochs = [f"--{name}=1" for name in ("epochs", "fine_tune_epochs") if getattr(as_it_is, name)]
    if is_without_validation:
        changes = (*changes, "--validation_fraction=0.5")  # of eight groups, not of thousands
    config = _config(
        recipe,
        f"--data_dir={directory}",
        f"--run_dir={directory / 'run'}",
        "--weights=none",
        "--global_batch_size=4",
        *epochs,
        *changes,
    )
    summary = training.train_and_evaluate(config)
    num_train = 16 if num_validation else 16 - summary["validation"]["examples"]
    assert summary["status"] == "complete"
    assert summary["steps"] == num_train // 4 * len(epochs)
    assert summary["test"]["examples"] == 6
    assert (directory / "run" / "report.html").exists()


@pytest.mark.parametrize("recipe", PARAMETERS)
def test_a_recipe_runs_from_the_data_to_the_report(tmp_path, monkeypatch, recipe):
    config = _config(recipe)
    changes = [f"--image_size={SIZES.get(recipe, 32)}"]
    if config.model in backbones.PRETRAINED:
        # A network of two layers stands in: each real one takes half a minute to trace.
        entry = backbones.BACKBONES[config.model]
        small = dataclasses.replace(entry, build=conftest.tiny_network)
        monkeypatch.setitem(backbones.BACKBONES, config.model, small)
        if config.fine_tune_epochs:
            changes.append("--fine_tune_from=second")
    _run(tmp_path, recipe, *changes)


# The smallest of the real backbones; to trace the others takes minutes.
@pytest.mark.slow
def test_a_real_backbone_trains_in_a_recipe(tmp_path):
    _run(tmp_path, "R0a", f"--image_size={SIZES['R0a']}")


# One recipe for each other backbone; the stages of R4 and the heads of R1 and R2 share them.
@pytest.mark.parametrize("recipe", ["R0b", "R2c", "R3", "R4a_from_150", "R4b_from_370"])
def test_a_real_backbone_has_gradients_where_its_recipe_trains_it(recipe):
    config = _config(recipe, f"--image_size={SIZES.get(recipe, 32)}")
    classifier = _build(task.model_spec(config, config.image_size, num_classes=2))
    phases.prepare(phases.plan(config)[-1], classifier, pretrained=False)
    images = np.random.default_rng(0).integers(0, 256, (2, *[config.image_size] * 2, 3), np.uint8)
    with tf.GradientTape() as tape:  # without a graph, which takes longer to make
        logits = classifier(images, training=True)
        loss = losses.cross_entropy(tf.constant([0, 1], tf.int64), logits, positive=1)
    gradients = tape.gradient(loss, [v.value for v in classifier.trainable_variables])
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert sum(np.any(gradient) for gradient in gradients) > 0.9 * len(gradients)


@pytest.mark.parametrize("recipe", PARAMETERS)
def test_a_recipe_says_what_was_reported_and_what_was_mended(recipe):
    lines = (RECIPES / f"{recipe}.flags").read_text().splitlines()
    assert lines[0].startswith(f"# {recipe}: ")
    assert lines[1].startswith("# Reported")
    assert "# As it was, but for these mistakes:" in lines
    assert lines[lines.index("# As it was, but for these mistakes:") + 1].startswith("# - ")


def test_no_two_recipes_share_a_run_directory():
    directories = [_config(recipe).run_dir for recipe in PARAMETERS]
    assert directories == [f"runs/{recipe}" for recipe in PARAMETERS]


def test_what_is_recommended_trains_a_head_and_then_all_layers():
    config = _config("recommended")
    found = phases.plan(config)
    assert [(phase.name, phase.first_layer) for phase in found] == [
        ("head", None),
        ("fine_tune", "0"),
    ]
    assert config.augment == "forensic"
    assert config.ema_momentum > 0
    assert config.layer_decay < 1
