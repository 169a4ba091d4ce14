"""Runs a stage as users know it: what fails is told in their words."""

import pathlib
from collections.abc import Sequence

from data_pipeline.running import failures, stages


def places(source: pathlib.Path | None, mark: pathlib.Path) -> list[str]:
    """Returns what each worker must see: the mark of the attempt, and the source."""
    return [str(mark)] if source is None else [str(mark), str(source.absolute())]


def run(
    name: str,
    transform: stages.Stage,
    elements: Sequence[object],
    num_workers: int,
    *,
    data_dir: str,
    beam_options: Sequence[str],
) -> None:
    """Runs a stage over its elements and waits for it; the arguments are those of `stages.run`.

    Raises:
      UsageError, DataError, MachineError: see `failures.told`.
    """
    with failures.told(data_dir):
        stages.run(name, transform, elements, num_workers, beam_options=beam_options)
