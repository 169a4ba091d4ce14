"""The program behind `trainer.compare`: reads runs, and leaves a table, a page and HParams."""

import dataclasses
import pathlib
import shutil
from collections.abc import Sequence

from tfrecords import exits, settings
from trainer.comparing import curves, hparams, listing, page, runs, standings
from trainer.comparing.runs import Run, Untested
from trainer.reporting import plots
from trainer.scoring import metrics

PAGE = "comparison.html"
CSV = "comparison.csv"
CURVES = "curves.png"
TENSORBOARD = "tensorboard"
_WIDTH = 120  # characters, where nobody knows how wide the terminal is


@dataclasses.dataclass(frozen=True)
class CompareConfig:
    """The configuration of a comparison; the flags of `trainer.compare` are its fields.

    Raises:
      UsageError: a value is none of the choices.
    """

    sort: str = settings.choice("auc", metrics.NAMES, "The metric that runs are sorted by")
    output_dir: str | None = settings.place(
        None, "Where the files go; default: a directory `comparison` beside the first run."
    )

    def __post_init__(self) -> None:
        settings.check(self)


def compare(config: CompareConfig, words: Sequence[str]) -> str:
    """Compares runs, writes the files, and returns what there is to say.

    Args:
      config: how.
      words: the directories of the runs. Files among them, and comparisons of before, are passed
        over, so that `runs/*` will do.

    Raises:
      UsageError: there is no directory among them.
      DataError: none of them is a run.
    """
    paths = _directories(words)
    found = [runs.read(path, name) for path, name in _named(paths)]
    tested = [run for run in found if isinstance(run, Run)]
    untested = [run for run in found if isinstance(run, Untested)]
    comparisons = standings.by_test_set(tested, config.sort)
    width = shutil.get_terminal_size((_WIDTH, 0)).columns
    text = listing.as_text(comparisons, untested, width)
    if not tested:
        raise exits.DataError(f"There is nothing to compare. {text}")
    directory = pathlib.Path(config.output_dir or paths[0].parent / "comparison")
    directory.mkdir(parents=True, exist_ok=True)
    begun = {run.name: run.lines for run in found if run.lines}
    picture = curves.paint(begun) if begun else None
    if picture is not None:
        (directory / CURVES).write_bytes(plots.to_png(picture))
    (directory / CSV).write_text(listing.as_csv(comparisons, untested), encoding="utf-8")
    hparams.write(directory / TENSORBOARD, comparisons)
    page.write(directory / PAGE, comparisons, untested, picture)
    return (
        f"{text}\n\nPage:        {directory / PAGE}\nTable:       {directory / CSV}\n"
        f"TensorBoard: tensorboard --logdir={directory / TENSORBOARD}"
    )


def _named(paths: Sequence[pathlib.Path]) -> list[tuple[pathlib.Path, str]]:
    """Returns each directory with its name, or with its path where others have the same name."""
    names = [path.resolve().name for path in paths]
    return [
        (path, name if names.count(name) == 1 else str(path))
        for path, name in zip(paths, names, strict=True)
    ]


def _directories(words: Sequence[str]) -> list[pathlib.Path]:
    """Returns the directories that may be runs, each once.

    Raises:
      UsageError: a name is not there, or there is no directory.
    """
    paths = list({(path := pathlib.Path(word)).resolve(): path for word in words}.values())
    absent = [str(path) for path in paths if not path.exists()]
    if absent:
        raise exits.UsageError(f"There is no {', '.join(absent)}. Name directories of runs.")
    found = [path for path in paths if path.is_dir() and not (path / PAGE).exists()]
    if not found:
        raise exits.UsageError(
            f"Name the directories of the runs to compare. Received: {' '.join(words)}."
        )
    return found
