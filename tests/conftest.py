"""What all tests share: where the optional sample files lie, and TensorFlow on two devices."""

import os
import pathlib
import signal

import hypothesis
import pytest

# No test measures time: a machine with other work to do takes long over anything.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
# A shell has what it starts in the background ignore Ctrl-C, and that is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

SHARED_DATA = pathlib.Path(__file__).parents[2] / "shared" / "data"


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("shared_data") and not SHARED_DATA.is_dir():
        pytest.skip(f"needs the sample files of {SHARED_DATA}, which are not part of the project")


@pytest.fixture(scope="session", autouse=True)
def two_devices():
    """Two logical CPU devices stand in for two GPUs; they must be made before all else."""
    from trainer import strategies

    return strategies.make("mirrored", logical_cpus=2)


@pytest.fixture
def shared_data() -> pathlib.Path:
    return SHARED_DATA
