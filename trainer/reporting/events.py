"""What a run says while it runs: TensorBoard events, and the same numbers in metrics.jsonl."""

import json
import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.scalar import summary_v2 as scalars

from tfrecords import framing
from trainer import run_directory


class EventLog:
    """Writes each number once to TensorBoard and once to `metrics.jsonl`.

    Args:
      directory: of the run.
      last_step: the global step from which the run goes on. Later lines of an earlier process are
        dropped, because their steps are done again.
      validates_again: whether the validation of `last_step` is done again, too.
    """

    def __init__(
        self, directory: pathlib.Path, last_step: int = 0, *, validates_again: bool = False
    ):
        self._path = directory / run_directory.METRICS
        last_steps = {"train": last_step, "validation": last_step - validates_again}
        self._skipped_path = directory / run_directory.SKIPPED_STEPS
        for path in (self._path, self._skipped_path):
            _truncate(path, last_steps)
        self._directory = directory / run_directory.TENSORBOARD
        for split, step in last_steps.items():
            _start_session(self._directory / split, step + 1)
        self._writers: dict[str, tf.summary.SummaryWriter] = {}

    def scalars(
        self, split: str, step: int, values: Mapping[str, float | None], **where: Any
    ) -> None:
        """Writes numbers of a split at a global step; None, for undefined, goes to no curve."""
        line = {"step": step, "split": split, **where, **values}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self._scalars(split, step, values)

    def skipped_step(self, step: int, image_ids: Sequence[str]) -> None:
        """Notes a step that was skipped, and its examples, in `skipped_steps.jsonl`."""
        line = {"step": step, "split": "train", "image_ids": list(image_ids)}
        with self._skipped_path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def image(self, split: str, name: str, step: int, image: np.ndarray) -> None:
        """Writes a picture, uint8 [height, width, 3]."""
        with self._writer(split).as_default(step=step):
            tf.summary.image(name, image[None])
        self._writer(split).flush()

    def text(self, split: str, name: str, step: int, markdown: str) -> None:
        """Writes a text."""
        with self._writer(split).as_default(step=step):
            tf.summary.text(name, markdown)
        self._writer(split).flush()

    def summaries(self, split: str, step: int, *serialized: bytes) -> None:
        """Writes what `dashboards` makes; the split "" stands for the run as a whole."""
        with self._writer(split).as_default(step=step):
            for summary in serialized:
                tf.summary.experimental.write_raw_pb(summary)
        self._writer(split).flush()

    def final(self, split: str, step: int, values: Mapping[str, float | None]) -> None:
        """Writes the metrics of the finished run to TensorBoard; `summary.json` has them, too."""
        self._scalars(split, step, values)

    def validations(self) -> list[dict[str, Any]]:
        """Returns the lines of the validations so far."""
        lines = read_metrics(self._path.parent)
        return [line for line in lines if line["split"] == "validation"]

    def _scalars(self, split: str, step: int, values: Mapping[str, float | None]) -> None:
        """Writes what `tf.summary.scalar` would, in one event, in a third of the time."""
        together = summary_pb2.Summary()
        for name, value in values.items():
            if value is not None:
                together.MergeFrom(scalars.scalar_pb(name, value))
        self.summaries(split, step, together.SerializeToString())

    def _writer(self, split: str) -> tf.summary.SummaryWriter:
        if split not in self._writers:
            self._writers[split] = tf.summary.create_file_writer(str(self._directory / split))
        return self._writers[split]


def read_metrics(directory: pathlib.Path) -> list[dict[str, Any]]:
    """Returns the lines of `metrics.jsonl`."""
    text = (directory / run_directory.METRICS).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def _start_session(directory: pathlib.Path, step: int) -> None:
    """Tells TensorBoard that what an earlier session has written from a step on is done again."""
    directory.mkdir(parents=True, exist_ok=True)
    now = time.time()
    start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
    # Files are read in the order of their names: before those that tf.summary writes from now on.
    with framing.RecordWriter(directory / f"events.out.tfevents.{int(now):010d}.0.start") as writer:
        for event in (
            event_pb2.Event(wall_time=now, file_version="brain.Event:2"),
            event_pb2.Event(wall_time=now, step=step, session_log=start),
        ):
            writer.write(event.SerializeToString())


def _truncate(path: pathlib.Path, last_steps: dict[str, int]) -> None:
    """Drops the lines of steps later than the split's last, and a line that a kill has cut."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            fields = json.loads(line)
        except ValueError:
            continue
        if fields["step"] <= last_steps[fields["split"]]:
            kept.append(line + "\n")
    run_directory.write_text(path, "".join(kept))
