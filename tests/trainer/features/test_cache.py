import types

import pytest
import tensorflow as tf

from tests import tiny
from tfrecords import exits
from trainer import config as configs
from trainer import training
from trainer.features import cache, computing
from trainer.reporting import events
from trainer.running import interruption, phases

pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.fixture
def run_head(make_config, tmp_path, tiny_backbone):
    """Trains the head of a small backbone; returns the summary and the losses."""

    def run(name, **changes):
        options = {"model": tiny_backbone, "weights": "none", "augment": "none", "epochs": 2}
        directory = tmp_path / name
        config = make_config(run_dir=str(directory), **{**options, **changes})
        summary = training.train_and_evaluate(config)
        assert not (directory / "features").exists()
        return summary, [line["loss"] for line in events.read_metrics(directory)]

    return run


def test_features_give_the_same_training_on_any_devices_and_after_any_stop(
    run_head, monkeypatch, tmp_path, capsys
):
    # One test of several runs, as each takes seconds. First the runs that nothing disturbs.
    monkeypatch.setattr(computing, "EXAMPLES_AT_A_TIME", 8)
    undisturbed, losses = run_head("undisturbed")
    printed = capsys.readouterr().out
    assert "The features of the frozen backbone are computed once, 5 for an image" in printed
    assert "features of train: 48 images in" in printed
    assert "features of validation: 16 images in" in printed
    _, of_images = run_head("images", feature_cache=False)
    assert "features of" not in capsys.readouterr().out
    assert losses == pytest.approx(of_images, abs=2e-3)
    assert losses != of_images
    _, of_one = run_head("one", strategy="default", micro_batch="2")
    assert of_one == pytest.approx(losses, abs=1e-6)

    # Stopped after one batch of features of three, then in an epoch, then in a validation.
    original, left = interruption.Interruption.look, [0]

    def look(self):
        found = original(self)
        left[0] -= 1
        self.requested |= left[0] == 0  # a signal between this look and the next
        return found

    monkeypatch.setattr(interruption.Interruption, "look", look)
    for checks, computed in ((1, 0), (3, 32), (10, 0)):
        left[0] = checks
        with pytest.raises(exits.Interrupted):
            run_head("stopped")
        assert list((tmp_path / "stopped" / "features").glob("*.rows"))
        printed = capsys.readouterr().out
        assert (f"features of train: {computed} images" in printed) == (computed > 0)
    summary, found = run_head("stopped")
    assert summary["weights_sha256"] == undisturbed["weights_sha256"]
    assert found[-1] == losses[-1]


def test_augmented_views_of_what_is_not_held_out_take_turns(
    run_head, monkeypatch, capsys, tmp_path
):
    tiny.write(tmp_path / "none", train=64, validation=0, group_size=2)
    made = []
    original = computing.Computing.complete

    def complete(self, table, split, view):
        made.append((split, view, self._policy.num_numbers))
        original(self, table, split, view)

    monkeypatch.setattr(computing.Computing, "complete", complete)
    options = {"data_dir": str(tmp_path / "none"), "validation_fraction": 0.25}
    summary, _ = run_head("views", augment="flip", cached_views=2, epochs=3, **options)
    assert made == [("validation", 0, 0), ("train", 0, 2), ("train", 1, 2)]
    left = 64 - summary["validation"]["examples"]
    assert f"features of train, view 2 of 2: {left} images" in capsys.readouterr().out


def test_memory_that_runs_out_makes_it_compute_less_at_a_time(run_head, monkeypatch):
    original = computing._make_step
    asked = []

    def make_step(strategy, *of_model):
        step = original(strategy, *of_model)

        def limited(batch):
            asked.append(strategy.experimental_local_results(batch["label"])[0].shape[0])
            if asked[-1] > 8:
                raise tf.errors.ResourceExhaustedError(None, None, "OOM")
            return step(batch)

        return limited

    monkeypatch.setattr(computing, "_make_step", make_step)
    run_head("less", epochs=1)
    # What was found for one split, of 16 examples on two devices, is kept for the next one, of 48.
    assert asked == [32, 16, 8, *[8] * 3]


def test_a_disk_that_is_too_small_is_noticed_before(run_head, monkeypatch):
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with pytest.raises(exits.MachineError, match="--nofeature_cache"):
        run_head("small")


def _run(directory, config):
    return types.SimpleNamespace(
        directory=directory / "checkpoints",
        task=types.SimpleNamespace(config=config),
    )


def test_what_an_earlier_phase_has_left_is_removed(tmp_path):
    config = configs.TrainConfig(model="mobilenet_v2", augment="none", fine_tune_epochs=1)
    run = _run(tmp_path, config)
    (tmp_path / "features").mkdir()
    with cache.offered(run, phases.plan(config)[1]) as offered:
        assert offered is run
        assert not (tmp_path / "features").exists()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"augment": "none"}, True),
        ({"augment": "flip"}, False),
        ({"augment": "flip", "cached_views": 1}, True),
        ({"augment": "none", "feature_cache": False}, False),
    ],
)
def test_when_it_applies(changes, expected):
    config = configs.TrainConfig(model="mobilenet_v2", fine_tune_epochs=2, **changes)
    head, fine_tune = phases.plan(config)
    assert cache.applies(config, head) == expected
    assert not cache.applies(config, fine_tune)


def test_a_network_without_a_backbone_has_no_features():
    config = configs.TrainConfig(model="cnn", augment="none")
    assert not cache.applies(config, phases.plan(config)[0])
