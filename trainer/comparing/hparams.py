"""Runs as TensorBoard's HParams: a table, parallel coordinates and scatter plots."""

import pathlib
import shutil
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorboard.plugins.hparams import api

from trainer.comparing import standings
from trainer.comparing.standings import Comparison
from trainer.scoring import metrics


def write(directory: pathlib.Path, comparisons: Sequence[Comparison]) -> None:
    """Writes a session for each run, in the place of what was written before.

    Args:
      directory: a log directory of its own for each test set lies in it.
      comparisons: of each test set.
    """
    shutil.rmtree(directory, ignore_errors=True)
    for comparison in comparisons:
        where = comparison.test_set
        folder = f"{where['dataset']}_{where['split']}_{where['examples_sha256'][:8]}"
        for run in comparison.runs:
            chosen: dict[str, Any] = {"model": run.model, "image_size": run.image_size}
            for name in standings.differing_flags(comparison.runs):
                chosen[name] = _plain(run.flags.get(name))
            writer = tf.summary.create_file_writer(
                str(directory / folder / run.name.replace("/", "_"))
            )
            with writer.as_default(step=0):
                api.hparams(chosen, trial_id=run.name)
                for name in metrics.NAMES:
                    if run.test[name] is not None:
                        tf.summary.scalar(f"test/{name}", run.test[name])
            writer.close()


def _plain(value: Any) -> bool | float | str:
    """Returns what HParams can hold: it knows no None."""
    return value if isinstance(value, bool | int | float | str) else str(value)
