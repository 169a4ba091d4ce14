"""The directory of a run: which run it belongs to, and the small files in it."""

import dataclasses
import json
import pathlib
import shutil
from collections.abc import Sequence
from typing import Any

from tfrecords import exits
from trainer import choices
from trainer import config as configs

CONFIG = "config.json"
FLAGS = "flags.txt"
METRICS = "metrics.jsonl"
SKIPPED_STEPS = "skipped_steps.jsonl"
SUMMARY = "summary.json"
PREDICTIONS = "test_predictions.csv"
REPORT = "report.html"
CHECKPOINTS = "checkpoints"
FEATURES = "features"
BUNDLE = "bundle"
RESTARTS = "restarts.jsonl"
TENSORBOARD = "tensorboard"
PICTURES = "pictures"

# What may differ when a run is taken up again: none of it changes what is learnt.
MAY_CHANGE = {
    "checkpoint_minutes",
    "checkpoint_steps",
    "data_dir",
    "decoded_cache",
    "device_memory_gb",
    "devices",
    "log_steps",
    "logical_cpus",
    "max_minutes",
    "micro_batch",
    "profile_steps",
    "remat",
    "run_dir",
    "steps_per_call",
    "strategy",
}


def claim(
    path: pathlib.Path, config: configs.TrainConfig, plan_digest: str, weights_sha256: str | None
) -> None:
    """Notes what the run is, or checks that it is the one that was started here before.

    Args:
      path: the run's directory.
      config: of the run, its precision resolved.
      plan_digest: of the dataset.
      weights_sha256: of the file that `--weights` names, if it names one that is there.

    Raises:
      UsageError: the directory belongs to a run with other flags, or on other data or weights.
      DataError: the note in it cannot be read.
    """
    note = path / CONFIG
    # A run that came to nothing, by a flag that had to be mended, does not hold the directory.
    has_begun = (path / SUMMARY).exists() or any((path / CHECKPOINTS).rglob("ckpt-*"))
    if has_begun:
        before = _read_note(path)
        weights_sha256 = weights_sha256 or before["weights_sha256"]
        _check_same(path, before, config, plan_digest, weights_sha256)
    elif not note.exists():
        _check_empty(path)
    content = {
        **json.loads(config.to_json()),
        "plan_digest": plan_digest,
        "weights_sha256": weights_sha256,
    }
    write_json(note, content)
    (path / FLAGS).write_text(config.to_flags(), encoding="utf-8")


def _check_empty(path: pathlib.Path) -> None:
    own = {".lock", f".{CONFIG}.tmp"}  # the second one if a kill came at once
    strangers = sorted(entry.name for entry in path.iterdir() if entry.name not in own)
    if strangers:
        raise exits.UsageError(
            f"{path} is already in use, and not by a run: it holds {', '.join(strangers[:3])}. "
            "Choose another --run_dir."
        )


def _read_note(path: pathlib.Path) -> dict[str, Any]:
    note = path / CONFIG
    try:
        content: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
        if not {"plan_digest", "weights_sha256"} <= content.keys():
            raise ValueError("it is not whole")
    except (OSError, ValueError, AttributeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise exits.DataError(
            f"{note} cannot be read: {reason}. It says which run the checkpoints beside it are of. "
            "Put it back from a copy, or choose another --run_dir."
        ) from error
    return content


def _check_same(
    path: pathlib.Path,
    before: dict[str, Any],
    config: configs.TrainConfig,
    plan_digest: str,
    weights_sha256: str | None,
) -> None:
    _check_same_flags(path, before, config)
    digest_before, weights_before = before["plan_digest"], before["weights_sha256"]
    if digest_before != plan_digest:
        raise exits.UsageError(
            f"{path} was trained on another build of {config.dataset} (plan {digest_before}, now "
            f"{plan_digest}). Choose another --run_dir."
        )
    if weights_before != weights_sha256:
        raise exits.UsageError(
            f"{path} began from other weights: the sha256 of --weights={config.weights} was "
            f"{weights_before} and is now {weights_sha256}. Put the file back, or choose another "
            "--run_dir."
        )


def _check_same_flags(
    path: pathlib.Path, before: dict[str, Any], config: configs.TrainConfig
) -> None:
    fields = {n: v for n, v in before.items() if n not in ("plan_digest", "weights_sha256")}
    changed = {
        name: values for name, values in config.difference(fields).items() if name not in MAY_CHANGE
    }
    if not changed:
        return
    changes = ", ".join(f"{name} {old} -> {new}" for name, (old, new) in changed.items())
    reason = ""
    if "precision" in changed:
        reason = f" --precision=auto goes by the GPU; it was {before['precision']} when this began."
    raise exits.UsageError(
        f"{path} holds a run with other flags: {changes}.{reason} Choose another --run_dir for the "
        "new run, set the old one aside with --restart, or go on with it by "
        f"--flagfile={path / FLAGS}"
    )


def is_complete(path: pathlib.Path, config: configs.TrainConfig) -> bool:
    """Tells whether a run is complete.

    Args:
      path: the run's directory.
      config: of the run. With a precision of `auto` it may have reckoned in any.

    Raises:
      UsageError: it is, and it is one with other flags.
      DataError: the note of what it is cannot be read.
    """
    if not (path / SUMMARY).exists():
        return False
    before = _read_note(path)
    if config.precision == choices.AUTO:
        config = dataclasses.replace(config, precision=before.get("precision", choices.AUTO))
    _check_same_flags(path, before, config)
    return True


def set_aside(path: pathlib.Path) -> pathlib.Path | None:
    """Moves a run that is there to a directory beside it; returns that one, if there was a run."""
    entries = [entry for entry in path.iterdir() if entry.name != ".lock"]
    if not (path / CONFIG).exists():
        return None
    shutil.rmtree(path / FEATURES, ignore_errors=True)  # large, and soon computed again
    number = 1
    while (aside := path.with_name(f"{path.name}.before-{number}")).exists():
        number += 1
    aside.mkdir()
    # The note last: a kill leaves a run whose move can be taken up again, not a stranger's files.
    for entry in sorted(entries, key=lambda entry: entry.name == CONFIG):
        entry.rename(aside / entry.name)
    return aside


def read_summary(path: pathlib.Path) -> dict[str, Any] | None:
    """Returns the summary of a run that is complete, else None.

    Raises:
      DataError: it is damaged.
    """
    summary = path / SUMMARY
    if not summary.exists():
        return None
    try:
        content: dict[str, Any] = json.loads(summary.read_text(encoding="utf-8"))
    except ValueError as error:
        raise exits.DataError(
            f"{summary} cannot be read: {error}. Remove it, and the run's command tests it again."
        ) from error
    return content


def note_restarts(path: pathlib.Path, reasons: Sequence[str]) -> None:
    """Notes why a supervisor has started the training of a run again, a line each."""
    with (path / RESTARTS).open("a", encoding="utf-8") as file:
        file.writelines(json.dumps({"reason": reason}) + "\n" for reason in reasons)


def count_restarts(path: pathlib.Path) -> int:
    """Returns how often that was."""
    note = path / RESTARTS
    return len(note.read_text(encoding="utf-8").splitlines()) if note.exists() else 0


def write_json(path: pathlib.Path, content: dict[str, Any]) -> None:
    """Writes a JSON file whole or not at all."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes a file whole or not at all: a temporary file, renamed."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
