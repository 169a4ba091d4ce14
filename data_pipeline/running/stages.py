"""The Beam pipelines: extract faces, scan files, write shards.

They are linear, with one leaf, and only the names of tasks travel.

Results are left in files, not in collections: that works alike on every runner, can be counted
while a runner is at work, and outlives it.
"""

import os
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner import fn_runner

from data_pipeline import scan, write
from data_pipeline.running import attempt, java, job_server, local_runner, strict_options
from data_pipeline.video import extraction
from tfrecords import exits

# A worker process takes two seconds to start, and a decoder a fifth; each must have more to do.
SECONDS_PER_PROCESS = 4.0
SECONDS_PER_DECODER = 1.0
# What is left for the process that feeds decoders is a tenth of their work, or a fourth where
# images are stored as they are.
DECODERS_PER_PROCESS = 4


class ExtractFaces(beam.PTransform):
    """Where an extraction.Batch lies -> the number of videos searched (int)."""

    is_for_decoders = False

    def __init__(self, places: Sequence[str] = ()):
        super().__init__()
        self._places = places  # what each worker must see

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        """Spreads the batches over the workers."""
        return (
            batches | "Spread" >> beam.Reshuffle() | "Extract" >> beam.Map(_extract, self._places)
        )


class ScanFiles(beam.PTransform):
    """Where a scan.Batch lies -> the number of references looked at (int)."""

    is_for_decoders = True

    def __init__(self, places: Sequence[str] = ()):
        super().__init__()
        self._places = places  # what each worker must see

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        """Spreads the batches over the workers."""
        return batches | "Spread" >> beam.Reshuffle() | "Scan" >> beam.Map(_scan, self._places)


class WriteShards(beam.PTransform):
    """Where a write.Task lies -> the name of a shard that is written (str)."""

    def __init__(self, places: Sequence[str] = (), is_for_decoders: bool = True):
        super().__init__()
        self._places = places  # what each worker must see
        self.is_for_decoders = is_for_decoders  # unless images are only fetched

    def expand(self, tasks: beam.PCollection) -> beam.PCollection:
        """Spreads the shards over the workers."""
        return tasks | "Spread" >> beam.Reshuffle() | "Write" >> beam.Map(_write, self._places)


Stage = ExtractFaces | ScanFiles | WriteShards


def _extract(batch: str, places: Sequence[str]) -> int:
    attempt.check(*places)
    return extraction.extract(attempt.take(batch))


def _scan(batch: str, places: Sequence[str]) -> int:
    attempt.check(*places)
    return scan.scan(attempt.take(batch))


def _write(task: str, places: Sequence[str]) -> str:
    attempt.check(*places)
    return write.write(attempt.take(task))


def run(
    name: str,
    transform: Stage,
    tasks: Sequence[str],
    num_workers: int,
    *,
    beam_options: Sequence[str] = (),
) -> None:
    """Runs a stage over its tasks and waits for it.

    Args:
      name: of the step, in CamelCase.
      transform: the stage.
      tasks: where each of them lies, see `attempt.hand_over`.
      num_workers: processes that do its work, see `processes`; unless `beam_options` choose
        another runner.
      beam_options: further options of Beam, which choose another runner.

    Raises:
      UsageError: Beam refuses its options.
      MachineError: a worker process died, or there is no job server.
    """
    options = strict_options.parse(beam_options)
    if strict_options.has_runner(options):
        options = strict_options.parse([*java.launcher(beam_options), *beam_options])
        with job_server.reached(strict_options.job_endpoint(options)):
            _run(name, transform, tasks, None, options)
        return
    runner, local_flags = local_runner.make(*processes(num_workers, transform.is_for_decoders))
    options = strict_options.parse([*local_flags, *beam_options])
    local_runner.watched(lambda: _run(name, transform, tasks, runner, options))


def _run(
    name: str,
    transform: Stage,
    tasks: Sequence[str],
    runner: fn_runner.FnApiRunner | None,
    options: strict_options.Options,
) -> None:
    try:
        pipeline = beam.Pipeline(runner, options)
    except ValueError as error:
        raise exits.UsageError(f"Beam refuses its options: {error}") from error
    with pipeline:
        _ = pipeline | f"Create{name}" >> beam.Create(tasks) | name >> transform


def processes(num_workers: int, is_for_decoders: bool) -> tuple[int, int]:
    """Returns how many processes run a stage on this machine, and how many decoders each has.

    Args:
      num_workers: those that do its work.
      is_for_decoders: whether the decoders do it. A process feeds several, and few workers need no
        process but this one.
    """
    if not is_for_decoders:
        return num_workers, 1
    number = -(-num_workers // DECODERS_PER_PROCESS)
    return number, -(-num_workers // number)


def workers_worth_starting(seconds: float, each: float, at_most: int = 0) -> int:
    """Returns how many workers shorten work that takes one of them `seconds`.

    Args:
      seconds: about how long one would take.
      each: the seconds of work that one is worth starting for.
      at_most: 0 stands for the processors that this process may use.
    """
    return max(1, min(at_most or _usable_processors(), int(seconds / each)))


def _usable_processors() -> int:
    """Returns how many processors this process may use; a container or SLURM may give it a few."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
