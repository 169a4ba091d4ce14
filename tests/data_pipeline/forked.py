"""Builds in processes of their own that need not import Beam again, and may be killed.

They have no reporter, and a report without charts: that takes ten times as long as all the rest.
"""

import logging
import multiprocessing
import os
import pathlib
import sys
from collections.abc import Callable

from data_pipeline import faults, pipeline
from data_pipeline.config import BuildConfig
from data_pipeline.reporting import audit, reporter
from tfrecords import exits, names
from tfrecords.manifest import Manifest

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["pytest", "tests.data_pipeline.forked"])
PATIENCE = 120  # seconds


def build(config: BuildConfig, output: pathlib.Path, **environment: str) -> int:
    """Builds in a process with further variables; returns its exit code.

    What it says goes to a file.
    """
    process = _CONTEXT.Process(target=_build, args=(config, output, environment))
    process.start()
    process.join(PATIENCE)
    if process.exitcode is None:
        process.kill()
        raise AssertionError("a build hangs")
    return process.exitcode


def _build(config: BuildConfig, output: pathlib.Path, environment: dict[str, str]) -> None:
    os.environ.pop(faults.VARIABLE, None)
    os.environ.update(environment)
    with output.open("w") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    sys.stdout, sys.stderr = (open(number, "w", closefd=False) for number in (1, 2))  # noqa: SIM115
    logging.disable()  # of Beam, as the command does
    reporter.begin_judging = _judge_here
    reporter.files = _brief_files
    exits.run(lambda: pipeline.build_dataset(config))


def _judge_here(evidence: audit.Evidence) -> Callable[[], audit.Result]:
    return lambda: audit.judge(evidence)


def _brief_files(directory: pathlib.Path, content: Manifest) -> dict[str, bytes]:
    return {names.REPORT: content.to_json().encode()}
