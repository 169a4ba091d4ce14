import json
import signal

import pytest

from tests import tiny
from tfrecords import dataset
from trainer import config as configs
from trainer import strategies
from trainer.running import interruption, pulse
from trainer.workers import joining, meeting


@pytest.fixture
def join(tmp_path, two_devices):
    """Joins; returns the strategy, and who takes SIGTERM afterwards."""
    source = dataset.load(tiny.write(tmp_path))

    def call(**changes):
        with interruption.Interruption() as stop:
            config = configs.TrainConfig(**changes)
            found = joining.join(config, source, stop, pulse.Pulse())
            return found, signal.getsignal(signal.SIGTERM)

    return call


def test_a_process_that_trains_alone_waits_for_nobody(join, two_devices, monkeypatch):
    monkeypatch.setattr(meeting, "Meeting", None)
    assert join(strategy="mirrored")[0] is two_devices


def test_workers_meet_with_what_must_be_the_same_for_all_and_obey_signals_afterwards(
    join, monkeypatch
):
    heard = []

    class Meeting(meeting.Meeting):
        def wait_for_all(self):
            heard.append((self._cluster.index, self._wait.told))

    def make(name, **_):
        assert heard  # as TensorFlow would wait for the others in silence
        heard.append(signal.signal(signal.SIGTERM, signal.SIG_IGN))  # it takes the signal
        return name

    monkeypatch.setattr(meeting, "Meeting", Meeting)
    monkeypatch.setattr(strategies, "make", make)
    workers = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(workers))
    found, after = join(strategy="multi_worker_mirrored", seed=3, weights="none", data_dir="here")
    assert found == "multi_worker_mirrored"
    (index, told), before = heard
    assert index == 1
    assert (told["seed"], told["contents of the dataset"], told["replicas"]) == (3, "0" * 64, 2)
    assert not told.keys() & {"weights", "data_dir", "run_dir", "devices", "strategy"}
    assert before == after
