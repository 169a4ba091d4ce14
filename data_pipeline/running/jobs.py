"""Runs a stage as users know it: what fails is told in their words."""

import pathlib
from collections.abc import Callable, Iterable, Sequence

from data_pipeline.config import BuildConfig
from data_pipeline.running import attempt, failures, stages


def run(
    config: BuildConfig,
    name: str,
    stage: Callable[[Sequence[str]], stages.Stage],
    tasks: Iterable[object],
    num_workers: int,
    mark: pathlib.Path,
) -> None:
    """Runs a stage over its tasks and waits for it.

    Args:
      config: of the build.
      name: of the step, in CamelCase.
      stage: makes the stage of what each worker must see.
      tasks: its input.
      num_workers: see `stages.run`.
      mark: of the attempt.

    Raises:
      UsageError, DataError, MachineError: see `failures.told`.
    """
    source = config.source_path
    places = [str(mark)] if source is None else [str(mark), str(source.absolute())]
    with failures.told(config.data_dir):
        handed = attempt.hand_over(mark, name, tasks)
        stages.run(name, stage(places), handed, num_workers, beam_options=config.beam_options)
