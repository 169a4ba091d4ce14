"""Whole runs, of what a phase does from its first step to its last."""

import math

import pytest
import tensorflow as tf

from tests import tiny
from tfrecords import exits
from trainer import bundle, training
from trainer.capacity import planning, segments
from trainer.reporting import events
from trainer.running import interruption, loss_scale
from trainer.scoring import evaluation

pytestmark = pytest.mark.usefixtures("no_pictures")


def test_what_is_kept_of_the_best_epoch_is_the_average(make_config, tmp_path, tiny_backbone):
    config = make_config(
        model=tiny_backbone, weights="none", strategy="default", epochs=1, ema_momentum=0.9
    )
    training.train_and_evaluate(config)
    saved = tf.train.load_checkpoint(str(tmp_path / "run/checkpoints/head"))
    average = saved.get_tensor("average/0")
    kernel = bundle.load(tmp_path / "run/bundle").classifier.head.kernel.numpy()
    assert kernel.tolist() == average.tolist()
    shapes = saved.get_variable_to_shape_map()
    trained = [name for name in shapes if name.startswith("model/") and shapes[name] == [5, 1]]
    assert [saved.get_tensor(name).tolist() == average.tolist() for name in trained] == [False]


ALL_AT_ONCE = {
    "weights": "none",
    "epochs": 0,
    "fine_tune_epochs": 2,
    "fine_tune_learning_rate": 1e-3,
    "layer_decay": 0.5,
    "ema_momentum": 0.9,
    "optimizer": "lion",
    "schedule": "plateau",
    "decay_epochs": 1,
    "label_smoothing": 0.1,
    "balanced_sampling": True,
    "mixup_alpha": 0.4,
    "precision": "float16",
    "batch_norm": "local",
    "remat": True,
    "log_steps": 1,
}


def test_all_that_a_run_can_be_told_is_resumed_to_the_same_bits(
    make_config, tmp_path, monkeypatch, tiny_backbone, capsys
):
    monkeypatch.setattr(loss_scale, "GROWS_AFTER", 4)
    monkeypatch.setattr(segments, "WORTH", 10)  # of so small a network nothing is, by itself
    monkeypatch.setenv("TRAINER_FAULTS", "nan@step=2,replica=1")
    choose, saved_sizes = planning.choose, []

    def watched(*args, saved, **options):
        saved_sizes.append(saved)
        return choose(*args, saved=saved, **options)

    monkeypatch.setattr(planning, "choose", watched)
    changes = {"model": tiny_backbone, **ALL_AT_ONCE}
    whole = training.train_and_evaluate(make_config(**changes, run_dir=str(tmp_path / "whole")))
    assert "computed again" in capsys.readouterr().out
    original, left = interruption.Interruption.look, [0]

    def look(self):
        found = original(self)
        left[0] -= 1
        self.requested |= left[0] == 0  # a signal between this look and the next
        return found

    monkeypatch.setattr(interruption.Interruption, "look", look)
    for left[0] in (3, 2):  # after a step that is skipped, and in a validation
        with pytest.raises(exits.Interrupted):
            training.train_and_evaluate(make_config(**changes))
    resumed = training.train_and_evaluate(make_config(**changes))
    assert resumed["weights_sha256"] == whole["weights_sha256"]
    assert resumed["validation"] == whole["validation"]
    assert (resumed["skipped_steps"], resumed["precision"]) == (1, "float16")
    assert saved_sizes == [0, 0, 4, 4]  # of the whole run, and of the three that make one
    lines = [line for line in events.read_metrics(tmp_path / "run") if line["split"] == "train"]
    assert max(line["loss_scale"] for line in lines) > 2.0**15


@pytest.mark.parametrize("examples", [17, 24])
def test_float16_with_overflows_gives_the_same_curve_on_one_and_two_replicas(
    make_config, tmp_path, monkeypatch, tiny_backbone, examples
):
    # One replica would be left without rows by 17 examples in batches of 8.
    tiny.write(tmp_path / "few", train=examples, validation=9, test=9)
    monkeypatch.setattr(loss_scale, "FIRST", 2.0**22)
    monkeypatch.setenv("TRAINER_FAULTS", "nan@step=3")
    curves = {}
    for strategy in ("default", "mirrored"):
        directory = tmp_path / strategy
        config = make_config(
            data_dir=str(tmp_path / "few"),
            run_dir=str(directory),
            strategy=strategy,
            model=tiny_backbone,
            weights="none",
            epochs=0,
            fine_tune_epochs=6,
            fine_tune_learning_rate=1e-2,
            precision="float16",
            log_steps=1,
        )
        summary = training.train_and_evaluate(config)
        assert summary["overflowed_steps"] > 0
        curves[strategy] = [
            line["loss"] for line in events.read_metrics(directory) if line["split"] == "validation"
        ]
        assert summary["skipped_steps"] == 1
    assert all(math.isfinite(loss) for loss in curves["default"])
    assert curves["mirrored"] == pytest.approx(curves["default"], abs=5e-3)


def test_the_rate_falls_where_the_validation_is_no_better(make_config, tmp_path, monkeypatch):
    original = evaluation.Predictions.summary
    monkeypatch.setattr(
        evaluation.Predictions, "summary", lambda self: {**original(self), "loss": 1.0, "auc": 0.5}
    )
    config = make_config(
        epochs=4, schedule="plateau", decay_epochs=2, strategy="default", warmup_epochs=0
    )
    training.train_and_evaluate(config)
    lines = [line for line in events.read_metrics(tmp_path / "run") if line["split"] == "train"]
    rates = {line["epoch"]: line["learning_rate"] for line in lines}
    assert rates == pytest.approx({1: 3e-3, 2: 3e-3, 3: 3e-3, 4: 3e-4})
