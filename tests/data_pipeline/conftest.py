import pytest

from data_pipeline.images import decoder
from data_pipeline.isolation import calls
from data_pipeline.video import searcher
from tests.data_pipeline import fragile_decoder as images
from tests.data_pipeline import fragile_searcher as videos


@pytest.fixture
def fragile_decoder(monkeypatch):
    """All images of a test are decoded by `fragile_decoder`, which dies when it is asked to."""
    fragile = calls.Isolation(images.PROGRAM)
    _replace(monkeypatch, decoder.PROGRAM, fragile)
    yield fragile
    fragile.close()


@pytest.fixture
def fragile_searcher(monkeypatch):
    """All videos of a test are searched by `fragile_searcher`, which dies when it is asked to."""
    fragile = calls.Isolation(videos.PROGRAM)
    _replace(monkeypatch, searcher.PROGRAM, fragile)
    yield fragile
    fragile.close()


def _replace(monkeypatch, program, isolation):
    shared = calls._shared
    monkeypatch.setattr(
        calls, "_shared", lambda other: isolation if other is program else shared(other)
    )
