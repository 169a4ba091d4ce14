"""The directory of a run: which run it belongs to, and the small files in it."""

import json
import pathlib
from typing import Any

from tfrecords import exits
from trainer import config as configs

CONFIG = "config.json"
FLAGS = "flags.txt"
METRICS = "metrics.jsonl"
SUMMARY = "summary.json"
REPORT = "report.html"
CHECKPOINTS = "checkpoints"
BUNDLE = "bundle"
TENSORBOARD = "tensorboard"
PICTURES = "pictures"

# What may differ when a run is taken up again: none of it changes a number.
_MAY_CHANGE = {"checkpoint_steps", "data_dir", "log_steps", "logical_cpus", "run_dir", "strategy"}


def claim(path: pathlib.Path, config: configs.TrainConfig, plan_digest: str) -> None:
    """Notes what the run is, or checks that it is the one that was started here before.

    Raises:
      UsageError: the directory belongs to a run with other flags or on another dataset.
    """
    note = path / CONFIG
    # A run that came to nothing, by a flag that had to be mended, does not hold the directory.
    has_begun = (path / SUMMARY).exists() or any((path / CHECKPOINTS).rglob("*.index"))
    if note.exists() and has_begun:
        _check_same(path, json.loads(note.read_text(encoding="utf-8")), config, plan_digest)
        return
    strangers = sorted(entry.name for entry in path.iterdir() if entry.name != ".lock")
    if strangers and not note.exists():
        raise exits.UsageError(
            f"{path} is already in use, and not by a run: it holds {', '.join(strangers[:3])}. "
            "Choose another --run_dir."
        )
    (path / FLAGS).write_text(config.to_flags(), encoding="utf-8")
    write_json(note, {**json.loads(config.to_json()), "plan_digest": plan_digest})


def _check_same(
    path: pathlib.Path, before: dict[str, Any], config: configs.TrainConfig, plan_digest: str
) -> None:
    digest_before = before.pop("plan_digest", None)
    changed = {
        name: values
        for name, values in config.difference(before).items()
        if name not in _MAY_CHANGE
    }
    if changed:
        changes = ", ".join(f"{name} {old} -> {new}" for name, (old, new) in changed.items())
        raise exits.UsageError(
            f"{path} holds a run with other flags: {changes}. Choose another --run_dir for the new "
            f"run, or go on with the old one by --flagfile={path / FLAGS}"
        )
    if digest_before != plan_digest:
        raise exits.UsageError(
            f"{path} was trained on another build of {config.dataset} (plan {digest_before}, now "
            f"{plan_digest}). Choose another --run_dir."
        )


def read_summary(path: pathlib.Path) -> dict[str, Any] | None:
    """Returns the summary of a run that is complete, else None."""
    summary = path / SUMMARY
    return json.loads(summary.read_text(encoding="utf-8")) if summary.exists() else None


def write_json(path: pathlib.Path, content: dict[str, Any]) -> None:
    """Writes a JSON file whole or not at all."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)
