import pytest


@pytest.fixture(scope="module", autouse=True)
def charts_of_reports():
    """Lets charts be drawn."""
