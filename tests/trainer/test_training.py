"""The whole path, through the function that the command calls."""

import contextlib
import json
import math
import os
import pathlib
import signal

import pytest
import tensorflow as tf
from tensorboard.backend.event_processing import plugin_event_accumulator

from tests import tiny
from tfrecords import directories, exits, reader
from trainer import bundle, training
from trainer.networks import precision
from trainer.reporting import events
from trainer.running import interruption
from trainer.scoring import evaluation, scored
from trainer.workers import agreement

ROOT = pathlib.Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("small_runs")


def test_a_run_leaves_all_that_it_promises(make_config, tmp_path, capsys):
    summary = training.train_and_evaluate(make_config(epochs=3))
    run = tmp_path / "run"
    printed = capsys.readouterr().out
    assert (
        "Phase train: cnn at 16 px | mirrored: 2 replicas on logical CPU devices (no GPU was found)"
        " | global batch 8, 4 per replica | 6 steps per epoch, at most 3 epochs"
        " | 257 parameters, 241 trainable"
    ) in printed
    assert summary["status"] == "complete"
    assert summary["steps"] == 18
    assert summary["replicas"] == 2
    assert summary["test"]["examples"] == 10
    assert summary["test"]["auc"] == 1.0
    assert summary == json.loads((run / "summary.json").read_text())
    assert summary["image_size"] == 16
    assert summary["images_per_second"] > 0
    assert scored.Scored.read(run / "test_predictions.csv", 1).evaluate() == summary["test"]
    for name in ("config.json", "flags.txt", "metrics.jsonl", "report.html", "tensorboard"):
        assert (run / name).exists()
    lines = events.read_metrics(run)
    assert [line["step"] for line in lines if line["split"] == "validation"] == [6, 12, 18]
    assert [line["step"] for line in lines if line["split"] == "train"] == list(range(2, 19, 2))
    assert bundle.load(run / "bundle").config.weights_sha256 == summary["weights_sha256"]


def test_a_complete_run_is_not_done_again(undisturbed, capsys):
    before = sorted(path.stat().st_mtime_ns for path in undisturbed["run"].glob("*/*"))
    assert training.train_and_evaluate(undisturbed["config"]) == undisturbed["summary"]
    assert "complete already" in capsys.readouterr().out
    assert sorted(path.stat().st_mtime_ns for path in undisturbed["run"].glob("*/*")) == before


def test_one_and_two_replicas_end_with_the_same_losses(make_config, tmp_path):
    final = {}
    for strategy in ("default", "one_device", "mirrored", "central_storage"):
        directory = tmp_path / strategy
        training.train_and_evaluate(make_config(strategy=strategy, run_dir=str(directory)))
        final[strategy] = [line["loss"] for line in events.read_metrics(directory)]
    assert final["one_device"] == pytest.approx(final["default"], abs=1e-6)
    assert final["mirrored"] == pytest.approx(final["default"], abs=1e-5)
    assert final["central_storage"] == final["mirrored"]


def test_several_steps_in_a_call_end_with_the_same_bits(undisturbed, make_config, tmp_path):
    summary = training.train_and_evaluate(make_config(steps_per_call=2))
    assert summary["weights_sha256"] == undisturbed["summary"]["weights_sha256"]
    lines = [
        {name: value for name, value in line.items() if name in ("step", "loss", "accuracy")}
        for directory in (tmp_path / "run", undisturbed["run"])
        for line in events.read_metrics(directory)
    ]
    assert lines[: len(lines) // 2] == lines[len(lines) // 2 :]


def test_a_batch_norm_model_survives_a_last_batch_without_rows_for_one_replica(
    make_config, tmp_path
):
    # 33 examples in batches of 8 leave 1 for two replicas; 9 and 1 the same in evaluation.
    tiny.write(tmp_path / "odd", train=33, validation=9, test=9)
    config = make_config(data_dir=str(tmp_path / "odd"))
    summary = training.train_and_evaluate(config)
    losses = [line["loss"] for line in events.read_metrics(tmp_path / "run")]
    assert all(math.isfinite(loss) for loss in losses)
    assert summary["test"]["examples"] == summary["validation"]["examples"] == 9
    assert summary["steps"] == 8
    classifier = bundle.load(tmp_path / "run" / "bundle").classifier
    assert all(math.isfinite(float(v.numpy().sum())) for v in classifier.variables)


def test_a_backbone_trains_in_two_phases(make_config, tmp_path, capsys, tiny_backbone):
    config = make_config(
        model=tiny_backbone, weights="none", epochs=1, fine_tune_epochs=1, fine_tune_from="second"
    )
    summary = training.train_and_evaluate(config)
    printed = capsys.readouterr().out
    assert "Phase head: tiny at 16 px" in printed
    # The convolutions have 3*4+4 and 4*5+5 parameters, the batch norm 4*4, the head 5+1.
    assert "63 parameters, 6 trainable" in printed
    assert "Phase fine_tune: tiny at 16 px" in printed
    assert "63 parameters, 31 trainable" in printed
    assert summary["steps"] == 12
    lines = events.read_metrics(tmp_path / "run")
    assert [line["phase"] for line in lines] == ["head"] * 4 + ["fine_tune"] * 4


def test_a_wrong_layer_is_noticed_before_the_head_is_trained(make_config, tmp_path, tiny_backbone):
    phases = {"model": tiny_backbone, "weights": "none", "epochs": 1, "fine_tune_epochs": 1}
    with pytest.raises(exits.UsageError, match="--fine_tune_from must be a layer's name"):
        training.train_and_evaluate(make_config(**phases, fine_tune_from="seconb"))
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_three_classes(make_config, tmp_path):
    tiny.write(tmp_path / "three", class_names=("a", "b", "c"), train=48, validation=15, test=15)
    summary = training.train_and_evaluate(make_config(data_dir=str(tmp_path / "three"), epochs=6))
    assert summary["test"]["auc"] > 0.8
    assert [len(row) for row in summary["test"]["confusion_matrix"]] == [3, 3, 3]


def test_early_stopping_keeps_the_best_weights(make_config, tmp_path):
    # With this rate the loss soon grows, and the first validations are the best.
    config = make_config(
        epochs=30, patience=2, learning_rate=0.5, schedule="constant", clip_norm=0, monitor="loss"
    )
    summary = training.train_and_evaluate(config)
    lines = [
        line for line in events.read_metrics(tmp_path / "run") if line["split"] == "validation"
    ]
    best = min(lines, key=lambda line: line["loss"])
    assert summary["best_step"] == best["step"]
    assert summary["steps"] == best["step"] + 2 * 6
    assert summary["validation"]["accuracy"] == best["accuracy"]


def test_labels_by_lot_teach_nothing(make_config, tmp_path):
    tiny.write(tmp_path / "more", train=64, validation=64, test=200)
    config = make_config(data_dir=str(tmp_path / "more"), shuffle_labels=True)
    assert 0.4 < training.train_and_evaluate(config)["test"]["auc"] < 0.6


@pytest.fixture
def stop_after(monkeypatch):
    """Sends a real signal after some looks at whether one has come."""

    @contextlib.contextmanager
    def stopping(checks):
        original = interruption.Interruption.look
        left = [checks]

        def look(self):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGTERM)
            return original(self)

        with monkeypatch.context() as patch, pytest.raises(exits.Interrupted, match="saved"):
            patch.setattr(interruption.Interruption, "look", look)
            yield

    return stopping


# One look a step, one a batch of validation: 6 and 2 an epoch here. The looks of these tests fall
# into the first step, the last step of an epoch, its validation, and the final evaluation.
@pytest.mark.parametrize("checks", [1, 6, 7, 17])
def test_stopping_anywhere_and_going_on_gives_the_same_bits(
    make_config, tmp_path, stop_after, undisturbed, checks
):
    with stop_after(checks):
        training.train_and_evaluate(make_config())
    assert not (tmp_path / "run" / "summary.json").exists()
    resumed = training.train_and_evaluate(make_config())
    assert resumed["weights_sha256"] == undisturbed["summary"]["weights_sha256"]
    assert resumed["test"] == undisturbed["summary"]["test"]
    assert resumed["best_step"] == undisturbed["summary"]["best_step"]
    validations = [
        line for line in events.read_metrics(tmp_path / "run") if line["split"] == "validation"
    ]
    assert validations == undisturbed["validations"]


def test_a_signal_to_another_worker_stops_this_one_at_the_same_step(
    make_config, tmp_path, monkeypatch
):
    looks = iter(range(1, 100))
    monkeypatch.setattr(
        agreement.Workers,
        "any",
        lambda self, *own: (next(looks) == 3, *own[1:]) if own[1:] else own,
    )
    with pytest.raises(exits.Interrupted, match="everything is saved"):
        training.train_and_evaluate(make_config(checkpoint_steps=100))
    numbers = [path.stem for path in (tmp_path / "run/checkpoints/train").glob("*.index")]
    assert sorted(numbers) == ["ckpt-0", "ckpt-3"]


def test_stopping_twice_around_the_phases_gives_the_same_bits(
    make_config, tmp_path, stop_after, tiny_backbone
):
    phases = {"model": tiny_backbone, "weights": "none", "epochs": 1, "fine_tune_epochs": 1}
    whole = training.train_and_evaluate(make_config(**phases, run_dir=str(tmp_path / "whole")))
    for checks in (7, 3):
        with stop_after(checks):
            training.train_and_evaluate(make_config(**phases))
    assert (
        training.train_and_evaluate(make_config(**phases))["weights_sha256"]
        == (whole["weights_sha256"])
    )


def test_a_damaged_newest_checkpoint_is_passed_over(
    make_config, tmp_path, stop_after, undisturbed, capsys
):
    with stop_after(9):
        training.train_and_evaluate(make_config())
    data = sorted((tmp_path / "run/checkpoints/train").glob("ckpt-*.data-*"), key=os.path.getmtime)
    data[-1].write_bytes(data[-1].read_bytes()[:1000])
    capsys.readouterr()
    resumed = training.train_and_evaluate(make_config())
    assert f"Damaged and passed over: {data[-1].parent}" in capsys.readouterr().out
    assert resumed["weights_sha256"] == undisturbed["summary"]["weights_sha256"]


def test_without_one_good_checkpoint_training_does_not_start_anew(
    make_config, tmp_path, stop_after
):
    with stop_after(1):
        training.train_and_evaluate(make_config())
    for index in (tmp_path / "run/checkpoints/train").glob("ckpt-*.index"):
        index.write_bytes(b"damaged")
    with pytest.raises(exits.DataError, match="No checkpoint in .* can be read"):
        training.train_and_evaluate(make_config())


@pytest.mark.parametrize("lost", ["checkpoint", "newest index"])
def test_a_lost_list_or_index_does_not_start_training_anew(
    make_config, tmp_path, stop_after, undisturbed, lost
):
    with stop_after(9):
        training.train_and_evaluate(make_config())
    directory = tmp_path / "run/checkpoints/train"
    indices = sorted(directory.glob("ckpt-*.index"), key=os.path.getmtime)
    (directory / "checkpoint" if lost == "checkpoint" else indices[-1]).unlink()
    resumed = training.train_and_evaluate(make_config())
    assert resumed["weights_sha256"] == undisturbed["summary"]["weights_sha256"]


def test_a_dataset_cannot_be_replaced_while_it_trains(make_config, tmp_path, monkeypatch):
    asked = []
    original = interruption.Interruption.look

    def look(self):
        with (
            pytest.raises(exits.UsageError) as error,
            directories.replace(tmp_path / "data/tiny/1.0.0"),
        ):
            raise AssertionError
        asked.append(str(error.value))
        return original(self)

    monkeypatch.setattr(interruption.Interruption, "look", look)
    training.train_and_evaluate(make_config(epochs=1))
    assert "is being read by another process, such as a training" in asked[0]


def test_a_split_that_loses_records_behind_the_manifests_back_is_noticed(
    make_config, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "tfrecords.reader.for_train",
        lambda *args, original=reader.for_train, **kwargs: original(*args, **kwargs).take(20),
    )
    with pytest.raises(exits.DataError, match="holds fewer records than its manifest says"):
        training.train_and_evaluate(make_config())


def test_a_run_without_a_finite_validation_ends_with_a_diagnosis(make_config, monkeypatch):
    original = evaluation.Predictions.summary
    monkeypatch.setattr(
        evaluation.Predictions, "summary", lambda self: {**original(self), "loss": math.nan}
    )
    with pytest.raises(exits.DataError, match=r"No validation gave a finite loss.* \(received: 0"):
        training.train_and_evaluate(make_config(monitor="loss"))


def test_a_model_that_says_the_same_of_all_raises_alarms(make_config, tmp_path, capsys):
    # The head's bias alone decides after one step at this rate.
    config = make_config(epochs=1, learning_rate=10, clip_norm=0, schedule="constant")
    summary = training.train_and_evaluate(config)
    alarm = "the same class is predicted for every validation example (step 6)"
    assert summary["alarms"] == [{"step": 6, "text": alarm}]
    assert f"ALARM: {alarm}. If later epochs do not overcome it, the r" in capsys.readouterr().out
    found = plugin_event_accumulator.EventAccumulator(str(tmp_path / "run/tensorboard/validation"))
    found.Reload()
    (text,) = found.Tensors("alarm")
    assert (text.step, tf.make_ndarray(text.tensor_proto).item().decode()) == (6, alarm)


def _faults(monkeypatch, *steps):
    monkeypatch.setenv("TRAINER_FAULTS", "; ".join(f"nan@step={step},replica=1" for step in steps))


def test_a_step_that_is_not_finite_is_skipped_and_its_images_are_named(
    make_config, tmp_path, monkeypatch, capsys
):
    _faults(monkeypatch, 3)
    summary = training.train_and_evaluate(make_config())
    assert (summary["skipped_steps"], summary["rollbacks"], summary["steps"]) == (1, 0, 12)
    (line,) = map(json.loads, (tmp_path / "run/skipped_steps.jsonl").read_text().splitlines())
    assert line["step"] == 4
    assert len(set(line["image_ids"])) == 8
    assert "step 4: skipped, as its loss or gradient was not finite" in capsys.readouterr().out


def test_after_steps_in_a_row_training_goes_back_and_past_them(
    make_config, tmp_path, monkeypatch, capsys
):
    _faults(monkeypatch, 3, 4)
    config = make_config(max_skipped_steps=2, log_steps=1, checkpoint_steps=2, schedule="constant")
    summary = training.train_and_evaluate(config)
    assert (summary["skipped_steps"], summary["rollbacks"], summary["steps"]) == (2, 1, 12)
    assert (
        "step 5: 2 steps in a row were skipped (--max_skipped_steps); the weights are those of the "
        "last checkpoint again, the learning rate is 0.5 times what it was, and training goes on "
        "with the next images"
    ) in capsys.readouterr().out
    lines = [line for line in events.read_metrics(tmp_path / "run") if line["split"] == "train"]
    rates = {line["step"]: line["learning_rate"] for line in lines}
    assert (rates[5], rates[6]) == pytest.approx((3e-3, 1.5e-3))


def test_a_rollback_is_resumed_to_the_same_bits(make_config, tmp_path, monkeypatch, stop_after):
    _faults(monkeypatch, 3, 4)
    changes = {"max_skipped_steps": 2, "log_steps": 1, "checkpoint_steps": 2}
    whole = training.train_and_evaluate(make_config(**changes, run_dir=str(tmp_path / "whole")))
    for checks in (4, 2):  # before the rollback, and after it
        with stop_after(checks):
            training.train_and_evaluate(make_config(**changes))
    resumed = training.train_and_evaluate(make_config(**changes))
    assert resumed["weights_sha256"] == whole["weights_sha256"]
    assert resumed["rollbacks"] == 1


def test_training_that_goes_wrong_again_and_again_ends_with_a_diagnosis(
    make_config, tmp_path, monkeypatch
):
    _faults(monkeypatch, *range(2, 12))
    config = make_config(max_skipped_steps=2, log_steps=1, max_rollbacks=1)
    with pytest.raises(exits.DataError) as error:
        training.train_and_evaluate(config)
    assert str(error.value) == (
        "Training has gone wrong at step 6: 2 steps in a row were skipped (--max_skipped_steps), "
        "after 1 rollbacks (--max_rollbacks). With the weights of now, all outputs and gradients "
        "of its images are finite. Use a lower learning rate (received: 0.003) or --clip_norm "
        "(received: 1) in another --run_dir."
    )


def test_a_run_is_set_aside_on_demand(make_config, tmp_path, stop_after, undisturbed, capsys):
    with stop_after(3):
        training.train_and_evaluate(make_config(seed=1))
    summary = training.train_and_evaluate(make_config(restart=True))
    assert summary["weights_sha256"] == undisturbed["summary"]["weights_sha256"]
    aside = tmp_path / "run.before-1"
    assert f"The run of before lies in {aside} now." in capsys.readouterr().out
    assert "--seed=1\n" in (aside / "flags.txt").read_text()
    assert list((aside / "checkpoints/train").glob("*.index"))


def test_the_time_given_ends_a_run_that_can_be_resumed(
    make_config, tmp_path, monkeypatch, undisturbed
):
    monkeypatch.setattr(interruption, "NEARLY_OVER", 1)
    with pytest.raises(exits.Interrupted, match="everything is saved"):
        training.train_and_evaluate(make_config(max_minutes=0.5))
    resumed = training.train_and_evaluate(make_config())
    assert resumed["weights_sha256"] == undisturbed["summary"]["weights_sha256"]


def test_other_flags_in_the_same_directory_are_refused(make_config, tmp_path, stop_after):
    with stop_after(1):
        training.train_and_evaluate(make_config())
    with pytest.raises(exits.UsageError, match="other flags: epochs 2 -> 3, seed 0 -> 1") as error:
        training.train_and_evaluate(make_config(epochs=3, seed=1))
    assert f"--flagfile={tmp_path / 'run' / 'flags.txt'}" in str(error.value)


def test_a_run_keeps_its_precision_on_another_gpu(
    make_config, tmp_path, monkeypatch, stop_after, undisturbed
):
    with stop_after(1):
        training.train_and_evaluate(make_config())
    assert "--precision=float32\n" in (tmp_path / "run" / "flags.txt").read_text()
    monkeypatch.setattr(precision, "_capabilities", lambda: [(7, 5)])
    with pytest.raises(exits.UsageError, match="precision float32 -> float16. --precision=auto go"):
        training.train_and_evaluate(make_config())
    resumed = training.train_and_evaluate(make_config(precision="float32"))
    assert resumed["weights_sha256"] == undisturbed["summary"]["weights_sha256"]


def test_a_batch_that_the_replicas_do_not_divide_is_refused(make_config):
    with pytest.raises(exits.UsageError, match="of the 2 replicas. Received: 7. Use 6 or 8"):
        training.train_and_evaluate(make_config(global_batch_size=7))


def test_a_batch_larger_than_the_split_is_refused(make_config):
    with pytest.raises(exits.UsageError, match="must not exceed the 48 examples.*Received: 64"):
        training.train_and_evaluate(make_config(global_batch_size=64))


def test_a_damaged_record_is_named_with_the_command_that_mends_it(make_config, tmp_path):
    shard = tmp_path / "data/tiny/1.0.0/tiny-train.tfrecord-00001-of-00003"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(
        exits.DataError, match=r"A record of .*tiny/1\.0\.0 is damaged.* Repair it: "
    ):
        training.train_and_evaluate(make_config())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("/run/ckpt; No space left on device", "The disk of .*run is full. The last checkpoint is"),
        ("OOM when allocating tensor", r"ran out of memory. Use a smaller --global_batch_size \(r"),
    ],
)
def test_what_the_machine_lacks_is_said_with_its_remedy(make_config, monkeypatch, words, message):
    def fail(self, number):
        raise tf.errors.ResourceExhaustedError(None, None, words)

    monkeypatch.setattr("trainer.running.checkpoints.PhaseCheckpoints.save", fail)
    with pytest.raises(exits.MachineError, match=message):
        training.train_and_evaluate(make_config())
