import os

import pytest

from data_pipeline.running import stages
from tfrecords import exits


@pytest.mark.parametrize(
    ("seconds", "at_most", "workers"), [(0.5, 8, 1), (9.0, 8, 2), (900.0, 8, 8), (900.0, 1, 1)]
)
def test_a_worker_is_started_where_it_has_more_to_do_than_starting(seconds, at_most, workers):
    assert stages.workers_worth_starting(seconds, 4.0, at_most) == workers


def test_by_default_there_are_no_more_workers_than_processors_may_be_used(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 2, 5}, raising=False)
    assert stages.workers_worth_starting(1e6, 4.0) == 3


def test_where_a_system_has_no_affinity_all_processors_count(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert stages.workers_worth_starting(1e6, 4.0) == 7


@pytest.mark.parametrize(
    ("num_workers", "dealt"), [(1, (1, 1)), (4, (1, 4)), (5, (2, 3)), (8, (2, 4)), (30, (8, 4))]
)
def test_a_process_feeds_up_to_four_decoders(num_workers, dealt):
    assert stages.processes(num_workers, is_for_decoders=True) == dealt


def test_a_search_in_videos_has_a_process_for_each_worker():
    assert stages.processes(3, is_for_decoders=False) == (3, 1)


def test_a_runner_that_beam_does_not_know_is_refused():
    with pytest.raises(exits.UsageError, match="Unexpected pipeline runner: Foo"):
        stages.run("ScanFiles", stages.ScanFiles(), [], 1, beam_options=["--runner=Foo"])
