"""That what is heavy is done in another process, and what becomes of a build when that dies."""

import os

import pytest

from data_pipeline.isolation import calls
from data_pipeline.references import Facts
from data_pipeline.reporting import audit, reporter
from tfrecords import exits
from tfrecords.manifest import Manifest, Target


def _evidence(number):
    facts = Facts(sha256="h", num_bytes=9, format="PNG", mode="RGB", width=9, height=9)
    groups = [str(index) for index in range(number)]
    labels = [index % 2 for index in range(number)]
    return audit.evidence([facts] * number, labels, groups, Target(("real", "fake"), "fake"))


def test_an_audit_is_judged_in_another_process():
    evidence = _evidence(40)
    assert reporter.begin_judging(evidence)() == audit.judge(evidence)
    assert calls._shared(reporter.PROGRAM).children[0]._child._process.pid != os.getpid()


def test_a_report_that_cannot_be_made_ends_the_build_with_a_message(tmp_path):
    content = Manifest("name", "1.0.0", {}, (), {}, 8, "digest", "command", {}, 0, 0, {}, "1")
    with pytest.raises(
        exits.MachineError,
        match=r"^The report could not be made: DataError: .* lacks what .* What is written is kept",
    ):
        reporter.files(tmp_path, content)
