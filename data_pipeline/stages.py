"""The two Beam pipelines: scan files, write shards. Linear, with one leaf; only references travel.

Results are left in files, not in collections: that works alike on every runner, can be counted
while a runner is at work, and outlives it.
"""

import logging
import os
import shlex
import sys
from collections.abc import Sequence

_disabled = logging.root.manager.disable
logging.disable(logging.WARNING)  # Beam reports clients of Google Cloud that are not installed
import apache_beam as beam  # noqa: E402
from apache_beam.options import pipeline_options  # noqa: E402
from apache_beam.runners.portability.fn_api_runner import fn_runner  # noqa: E402
from apache_beam.transforms import environments  # noqa: E402

logging.disable(_disabled)

from data_pipeline import scan, write  # noqa: E402
from tfrecords import exits  # noqa: E402

# A worker process takes two seconds to start; it must have more to do than that.
SECONDS_PER_WORKER = 4.0


class ScanFiles(beam.PTransform):
    """scan.Batch -> the number of references looked at (int)."""

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        """Spreads the batches over the workers."""
        return batches | "Spread" >> beam.Reshuffle() | "Scan" >> beam.Map(scan.scan)


class WriteShards(beam.PTransform):
    """write.Task -> the name of a shard that is written (str)."""

    def expand(self, tasks: beam.PCollection) -> beam.PCollection:
        """Spreads the shards over the workers."""
        return tasks | "Spread" >> beam.Reshuffle() | "Write" >> beam.Map(write.write)


def run(
    name: str,
    transform: beam.PTransform,
    elements: Sequence[object],
    num_workers: int,
    *,
    beam_options: Sequence[str] = (),
) -> None:
    """Runs a stage over its elements and waits for it.

    Args:
      name: of the step, in CamelCase.
      transform: the stage.
      elements: its input.
      num_workers: processes; unless `beam_options` choose another runner.
      beam_options: further options of Beam, which choose another runner.

    Raises:
      UsageError: Beam knows no such runner.
    """
    runner, flags = None, list(beam_options)
    if not any(flag.startswith("--runner") for flag in flags):
        runner, local_flags = _local_runner(num_workers)
        flags = [*local_flags, *flags]
    try:
        pipeline = beam.Pipeline(runner, pipeline_options.PipelineOptions(flags))
    except ValueError as error:
        raise exits.UsageError(f"Beam refuses its options: {error}") from error
    with pipeline:
        _ = pipeline | f"Create{name}" >> beam.Create(elements) | name >> transform


def workers_worth_starting(seconds: float, at_most: int = 0) -> int:
    """Returns how many processes shorten work that takes one of them `seconds`.

    Args:
      seconds: about how long one process would take.
      at_most: 0 stands for the processors that this process may use.
    """
    return max(1, min(at_most or _usable_processors(), int(seconds / SECONDS_PER_WORKER)))


def _usable_processors() -> int:
    """Returns how many processors this process may use; a container or SLURM may give it a few."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _local_runner(workers: int) -> tuple[fn_runner.FnApiRunner, list[str]]:
    """Returns the runner of this machine: in this process, or with several of its own."""
    # Not by the name DirectRunner, which first looks for a binary on the internet.
    if workers <= 1:
        return fn_runner.FnApiRunner(), []
    environment = environments.SubprocessSDKEnvironment.from_command_string(
        # Beam gives this to a shell, which would stand between the worker and its parent.
        f"exec {shlex.quote(sys.executable)} -m data_pipeline.worker {os.getpid()}"
    )
    return fn_runner.FnApiRunner(environment), [f"--direct_num_workers={workers}"]
