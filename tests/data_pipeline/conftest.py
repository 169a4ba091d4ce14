import contextlib
import dataclasses

import pytest

from data_pipeline.images import decoder
from data_pipeline.isolation import calls
from data_pipeline.reporting import charts, report, reporter
from data_pipeline.video import searcher
from tests.data_pipeline import fragile_decoder as images
from tests.data_pipeline import fragile_searcher as videos
from tests.data_pipeline import painted


@pytest.fixture(scope="module", autouse=True)
def charts_of_reports():
    """Leaves charts out of reports, and makes these here: it takes four fifths of a small build."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reporter, "files", report.files)
        patch.setattr(charts.Chart, "svg", lambda chart: "")
        patch.setattr(charts.Chart, "png", lambda chart: b"")
        yield


@pytest.fixture
def make_config(tmp_path):
    """Returns configurations of builds of a painted source of twelve images."""
    defaults = painted.build(tmp_path)
    return lambda **changes: dataclasses.replace(defaults, **changes)


@pytest.fixture
def fragile_decoder(monkeypatch):
    """All images of a test are decoded by `fragile_decoder`, which dies when it is asked to."""
    with _replaced(monkeypatch, decoder.PROGRAM, images.PROGRAM) as fragile:
        yield fragile


@pytest.fixture
def fragile_searcher(monkeypatch):
    """All videos of a test are searched by `fragile_searcher`, which dies when it is asked to."""
    with _replaced(monkeypatch, searcher.PROGRAM, videos.PROGRAM) as fragile:
        yield fragile


@contextlib.contextmanager
def _replaced(monkeypatch, program, by):
    shared, crew = calls._shared, calls.Crew(by)
    monkeypatch.setattr(calls, "_shared", lambda other: crew if other is program else shared(other))
    crew.children.append(calls.Isolation(by))
    yield crew.children[0]
    crew.close()
