import sys

import pytest

from data_pipeline.images import isolation


@pytest.fixture
def fragile_decoder(monkeypatch):
    """All images of a test are decoded by `fragile_decoder`, which dies when it is asked to."""
    command = (sys.executable, "-m", "tests.data_pipeline.fragile_decoder")
    monkeypatch.setattr(isolation, "COMMAND", command)
    fragile = isolation.Isolation()
    monkeypatch.setattr(isolation, "_shared", lambda: fragile)
    yield fragile
    fragile.close()
