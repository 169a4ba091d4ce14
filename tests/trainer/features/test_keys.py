import dataclasses

import keras
import numpy as np
import pytest

from tests import tiny
from tfrecords import dataset, reader
from trainer import config as configs
from trainer.features import keys
from trainer.networks import backbones, models
from trainer.task import Task


def _build(**changes):
    keras.utils.set_random_seed(0)
    spec = {"name": "tiny", "image_size": 16, "num_logits": 1, **changes}
    return models.build(models.ModelSpec(**spec), "none")


def _of(**changes):
    return keys.of_backbone(_build(**changes))


def _changed(before, after):
    assert before.keys() == after.keys()
    return {name for name in before if before[name] != after[name]}


def test_the_same_backbone_has_the_same_key_however_often_it_is_made(tiny_backbone):
    assert _of() == _of()


def test_the_head_is_no_part_of_the_key(tiny_backbone):
    assert _of(num_logits=3, dropout=0.5, head_units=(4,)) == _of()


@pytest.mark.parametrize("layer", ["first", "norm"])
def test_one_weight_changes_the_key(tiny_backbone, layer):
    classifier = _build()
    before = keys.of_backbone(classifier)
    # The last weights: a bias, and the moving variance of a batch norm.
    variable = classifier.backbone.get_layer(layer).weights[-1]
    value = variable.numpy()
    value[0] = np.nextafter(value[0], 2)
    variable.assign(value)
    assert _changed(before, keys.of_backbone(classifier)) == {"weights"}


def test_another_scaling_of_the_same_pixels_changes_the_key(tiny_backbone, monkeypatch):
    before = _of()
    entry = dataclasses.replace(backbones.BACKBONES["tiny"], scale=lambda pixels: pixels / 128 - 1)
    monkeypatch.setitem(backbones.BACKBONES, "tiny", entry)
    assert _changed(before, _of()) == {"preprocessing"}


@pytest.mark.parametrize(
    ("field", "value", "name"), [("image_size", 20, "image_size"), ("head", "flatten", "pooling")]
)
def test_size_and_pooling_change_the_key(tiny_backbone, field, value, name):
    changed = _changed(_of(), _of(**{field: value}))
    assert changed - {"preprocessing"} == {name}


def test_another_version_of_the_software_changes_the_key(tiny_backbone, monkeypatch):
    before = _of()
    monkeypatch.setattr(keras, "__version__", "9.9")
    assert _changed(before, _of()) == {"software"}


def _of_examples(directory, source=None, *, split="train", view=0, **changes):
    config = configs.TrainConfig(
        **{"model": "mobilenet_v2", "global_batch_size": 8, "augment": "none", **changes}
    )
    found = source or dataset.load(directory)
    return keys.of_examples(
        Task(config, reader.hold_out(found, config.validation_fraction)), split, view
    )


@pytest.fixture
def directory(tmp_path):
    """A dataset without validation."""
    return tiny.write(tmp_path, validation=0, train=64, group_size=2)


BASE = {"validation_fraction": 0.25, "augment": "flip", "cached_views": 2}


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"validation_fraction": 0.3}, {"held_out"}),
        ({"augment": "flip_crop"}, {"augment"}),
        ({"seed": 1}, {"augment"}),
        ({"view": 1}, {"augment"}),
        ({"shuffle_labels": True}, {"labels_by_lot"}),
        ({"split": "validation"}, {"split", "augment"}),
        # Of the head alone, whose training they change.
        ({"learning_rate": 0.1, "dropout": 0.5, "global_batch_size": 16, "epochs": 3}, set()),
        ({"cached_views": 9, "micro_batch": "2", "strategy": "mirrored"}, set()),
    ],
)
def test_each_choice_of_examples_changes_the_key(directory, changes, names):
    before = _of_examples(directory, **BASE)
    assert _changed(before, _of_examples(directory, **{**BASE, **changes})) == names


def test_the_seed_is_no_part_of_images_that_are_not_changed(directory):
    base = {"validation_fraction": 0.25}
    assert _of_examples(directory, **base) == _of_examples(directory, **base, seed=1)


def test_the_seed_decides_labels_by_lot(directory):
    base = {"validation_fraction": 0.25, "shuffle_labels": True}
    other = _of_examples(directory, **base, seed=1)
    assert _changed(_of_examples(directory, **base), other) == {"labels_by_lot"}


def test_another_build_or_a_repaired_shard_changes_the_key(directory):
    source = dataset.load(directory)
    before = _of_examples(directory, source, validation_fraction=0.25)
    manifest = dataclasses.replace(source.manifest, plan_digest="1" * 64)
    other = dataclasses.replace(source, manifest=manifest)
    changed = _of_examples(directory, other, validation_fraction=0.25)
    assert _changed(before, changed) == {"plan_digest"}
    train = source.manifest.splits["train"]
    mended = (dataclasses.replace(train.shards[0], sha256="2" * 64), *train.shards[1:])
    splits = {**source.manifest.splits, "train": dataclasses.replace(train, shards=mended)}
    manifest = dataclasses.replace(source.manifest, splits=splits)
    other = dataclasses.replace(source, manifest=manifest)
    changed = _of_examples(directory, other, validation_fraction=0.25)
    assert _changed(before, changed) == {"shards"}
