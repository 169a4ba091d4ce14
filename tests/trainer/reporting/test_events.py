import json

import numpy as np
import tensorflow as tf

# The one that TensorBoard itself reads with.
from tensorboard.backend.event_processing import plugin_event_accumulator

from trainer.reporting import events


def _read(directory):
    accumulator = plugin_event_accumulator.EventAccumulator(str(directory))
    accumulator.Reload()
    return accumulator


def test_each_number_is_a_line_and_a_point_of_a_curve(tmp_path):
    log = events.EventLog(tmp_path)
    log.scalars("train", 2, {"loss": 0.5}, phase="head", epoch=1)
    log.scalars("train", 4, {"loss": 0.25}, phase="head", epoch=2)
    assert (tmp_path / "metrics.jsonl").read_text() == (
        '{"step": 2, "split": "train", "phase": "head", "epoch": 1, "loss": 0.5}\n'
        '{"step": 4, "split": "train", "phase": "head", "epoch": 2, "loss": 0.25}\n'
    )
    points = _read(tmp_path / "tensorboard" / "train").Tensors("loss")
    assert [(p.step, float(tf.make_ndarray(p.tensor_proto))) for p in points] == [
        (2, 0.5),
        (4, 0.25),
    ]


def test_steps_that_are_done_again_are_in_the_curve_once(tmp_path):
    first = events.EventLog(tmp_path)
    for step, loss in ((2, 0.5), (4, 0.25), (6, 0.125)):
        first.scalars("train", step, {"loss": loss})
    first.scalars("validation", 6, {"loss": 0.75})
    for index, path in enumerate(sorted((tmp_path / "tensorboard").rglob("events.*"))):
        path.rename(path.with_name(f"events.out.tfevents.{index:010d}.of.an.earlier.process"))
    again = events.EventLog(tmp_path, 4)
    again.scalars("train", 6, {"loss": 0.0625})
    found = {
        split: _read(tmp_path / "tensorboard" / split).Tensors("loss")
        for split in ("train", "validation")
    }
    points = [(p.step, float(tf.make_ndarray(p.tensor_proto))) for p in found["train"]]
    assert points == [(2, 0.5), (4, 0.25), (6, 0.0625)]
    assert found["validation"] == []


def test_a_number_that_is_not_defined_is_in_no_curve(tmp_path):
    log = events.EventLog(tmp_path)
    log.scalars("validation", 6, {"auc": None, "loss": 1.0})
    assert events.read_metrics(tmp_path) == [
        {"step": 6, "split": "validation", "auc": None, "loss": 1.0}
    ]
    tags = _read(tmp_path / "tensorboard" / "validation").Tags()["tensors"]
    assert tags == ["loss"]


def test_pictures_and_texts_can_be_read_back(tmp_path):
    log = events.EventLog(tmp_path)
    picture = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    log.text("train", "config", 0, "    --epochs=3\n")
    log.image("train", "batch", 3, picture)
    found = _read(tmp_path / "tensorboard" / "train")
    (text,) = found.Tensors("config")
    assert tf.make_ndarray(text.tensor_proto).item() == b"    --epochs=3\n"
    (image,) = found.Tensors("batch")
    assert image.step == 3
    png = tf.make_ndarray(image.tensor_proto)[2]
    assert tf.io.decode_png(png).numpy().tolist() == picture.tolist()


def _lines(*steps):
    return "".join(json.dumps({"step": step, "split": split}) + "\n" for split, step in steps)


ALL = (("train", 2), ("train", 4), ("validation", 4), ("train", 6), ("validation", 8))


def test_steps_that_are_done_again_lose_their_lines(tmp_path):
    (tmp_path / "metrics.jsonl").write_text(_lines(*ALL))
    events.EventLog(tmp_path, 4)
    assert (tmp_path / "metrics.jsonl").read_text() == _lines(*ALL[:3])


def test_a_validation_that_is_done_again_loses_its_line(tmp_path):
    (tmp_path / "metrics.jsonl").write_text(_lines(*ALL))
    events.EventLog(tmp_path, 4, validates_again=True)
    assert (tmp_path / "metrics.jsonl").read_text() == _lines(*ALL[:2])


def test_a_run_from_the_beginning_drops_all_lines(tmp_path):
    (tmp_path / "metrics.jsonl").write_text(_lines(*ALL))
    events.EventLog(tmp_path)
    assert events.read_metrics(tmp_path) == []


def test_a_last_line_that_a_kill_has_cut_is_dropped_and_the_next_one_is_whole(tmp_path):
    (tmp_path / "metrics.jsonl").write_text(_lines(*ALL[:2]) + '{"step": 4, "spl')
    log = events.EventLog(tmp_path, 8)
    log.scalars("train", 10, {})
    assert (tmp_path / "metrics.jsonl").read_text() == _lines(*ALL[:2], ("train", 10))


def test_a_last_line_that_lacks_its_end_alone_is_kept(tmp_path):
    (tmp_path / "metrics.jsonl").write_text(_lines(*ALL[:2]).rstrip())
    events.EventLog(tmp_path, 8).scalars("train", 10, {})
    assert (tmp_path / "metrics.jsonl").read_text() == _lines(*ALL[:2], ("train", 10))
