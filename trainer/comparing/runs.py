"""What the directory of a run tells for a comparison: facts, test metrics and predictions."""

import dataclasses
import json
import pathlib
from typing import Any

from tfrecords import exits
from trainer import run_directory
from trainer.reporting import events
from trainer.scoring.scored import Scored


@dataclasses.dataclass(frozen=True)
class Run:
    """A run that was tested.

    Attributes:
      name: under which it is shown.
      flags: of its training; of an evaluation, none.
      model: its name, or those of an ensemble.
      parameters, trainable: their numbers; of an ensemble, all together.
      image_size: in pixels; of an ensemble, of each model.
      epochs: over all phases. This and what follows is None of an evaluation, which trains nothing.
      seconds: of training.
      images_per_second: in training.
      memory_mb: at the most.
      test_set: what must be equal for two runs to be compared.
      test: the metrics, with their intervals.
      examples: the predictions.
      lines: of `metrics.jsonl`.
    """

    name: str
    flags: dict[str, Any]
    model: str
    parameters: int
    trainable: int | None
    image_size: str
    epochs: float | None
    seconds: float | None
    images_per_second: float | None
    memory_mb: float | None
    test_set: dict[str, Any]
    test: dict[str, Any]
    examples: Scored
    lines: list[dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class Untested:
    """A directory without test metrics, and the reason; its curves are there if it has begun."""

    name: str
    reason: str
    lines: list[dict[str, Any]]


def read(path: pathlib.Path, name: str) -> Run | Untested:
    """Returns what there is to say of the run in a directory, under a name."""
    try:
        summary = run_directory.read_summary(path)
        lines = events.read_metrics(path) if (path / run_directory.METRICS).exists() else []
        if summary is not None:
            return _tested(path, name, summary, lines)
        if (path / run_directory.CONFIG).exists():
            return Untested(name, _how_far(path, lines), lines)
    except (exits.DataError, OSError, ValueError, TypeError, AttributeError) as error:
        return Untested(name, f"cannot be read: {error}", [])
    return Untested(name, "is no run", [])


def _tested(
    path: pathlib.Path, name: str, summary: dict[str, Any], lines: list[dict[str, Any]]
) -> Run | Untested:
    flags = path / run_directory.CONFIG
    config = json.loads(flags.read_text(encoding="utf-8")) if flags.exists() else {}
    if "test_set" not in summary:
        where = " ".join(f"--{n}={config[n]}" for n in ("data_dir", "dataset") if n in config)
        return Untested(
            name,
            "was tested by an earlier version, which kept no predictions; test its bundle again: "
            f"python -m trainer.evaluate --bundles={path} {where}".strip(),
            lines,
        )
    test_set = summary["test_set"]
    examples = Scored.read(path / run_directory.PREDICTIONS, test_set["positive"])
    if examples.sha256() != test_set["examples_sha256"]:
        raise exits.DataError(f"{run_directory.PREDICTIONS} is not of the test in its summary")
    steps, of_epoch = summary.get("steps"), summary.get("steps_per_epoch")
    return Run(
        name=name,
        flags=config,
        model=config.get("model") or summary["model"],
        parameters=summary["parameters"]["total"],
        trainable=summary["parameters"].get("trainable"),
        image_size=str(summary["image_size"]),
        epochs=steps / of_epoch if steps and of_epoch else None,
        seconds=summary.get("seconds"),
        images_per_second=summary.get("images_per_second"),
        memory_mb=summary.get("peak_memory_mb"),
        test_set=test_set,
        test=summary["test"],
        examples=examples,
        lines=lines,
    )


def _how_far(path: pathlib.Path, lines: list[dict[str, Any]]) -> str:
    again = f"python -m trainer.main --flagfile={path / run_directory.FLAGS}"
    if not lines:
        return f"is not complete: no step is logged yet; it goes on with {again}"
    last = lines[-1]
    return (
        f"is not complete: {last['step']:,} steps, epoch {last['epoch']} of phase "
        f"{last['phase']}; it goes on with {again}"
    )
