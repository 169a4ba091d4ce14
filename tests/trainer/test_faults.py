import signal

import pytest
import tensorflow as tf

from tfrecords import exits
from trainer import faults
from trainer.faults import Fault


def test_all_faults_are_read():
    text = (
        "oom@step=3,replica=1,above=8; nan@step=5,replica=1; kill@step=7; hang@step=9; kill@save=2"
    )
    assert faults.parse(text) == [
        Fault("oom", "step", 3, replica=1, above=8),
        Fault("nan", "step", 5, replica=1),
        Fault("kill", "step", 7),
        Fault("hang", "step", 9),
        Fault("kill", "save", 2),
    ]


@pytest.mark.parametrize("text", ["", " ", ";", " ; "])
def test_nothing_is_no_fault(text):
    assert faults.parse(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "oom",
        "oom@",
        "oom@step",
        "oom@step=x",
        "oom@step=-1",
        "oom@save=1",
        "oom@step=1,step=2",
        "oom@step=1,below=8",
        "nan@step=1,above=8",
        "kill@step=1,replica=0",
        "kill@epoch=1",
        "crash@step=1",
        "kill@step=1 kill@step=2",
    ],
)
def test_what_is_misspelt_is_refused(text):
    with pytest.raises(exits.UsageError, match="TRAINER_FAULTS: a fault must look like") as error:
        faults.parse(f"nan@step=1; {text}")
    assert str(error.value).endswith(f"Received: {text!r}.")


def test_the_variable_is_read():
    assert faults.Faults.from_environment(environment={}).in_micro_batch() is None
    assert faults.Faults.from_environment(
        environment={"TRAINER_FAULTS": "nan@step=1"}
    ).in_micro_batch()


def test_a_process_gets_sigterm_before_a_step(monkeypatch):
    sent = []
    monkeypatch.setattr(faults.os, "kill", lambda process, number: sent.append(number))
    found = faults.Faults(faults.parse("term@step=3"))
    for step in (2, 3, 4):
        found.before_step(step)
    assert sent == [signal.SIGTERM]


@pytest.mark.parametrize(("worker", "saves"), [(0, True), (1, False)])
def test_a_fault_of_one_worker_leaves_the_others_alone(monkeypatch, worker, saves):
    killed = []
    monkeypatch.setattr(faults.os, "kill", lambda *what: killed.append(what))
    faults.Faults(faults.parse("kill@step=7,worker=1"), worker).before_step(7)
    assert (not killed) == saves


@pytest.mark.parametrize("text", ["", "kill@step=7; hang@step=9; kill@save=2"])
def test_without_faults_of_micro_batches_there_is_nothing_for_the_graph(text):
    assert faults.Faults(faults.parse(text)).in_micro_batch() is None


def _factors(strategy, text, step, size):
    found = faults.Faults(faults.parse(text))
    found.before_step(step)
    factor = found.in_micro_batch()
    values = tf.function(lambda: strategy.run(lambda: factor(size)))()
    return [str(float(v)) for v in strategy.experimental_local_results(values)]


@pytest.mark.parametrize(
    ("step", "replica", "factors"),
    [(4, "", ["1.0", "1.0"]), (5, "", ["nan", "nan"]), (5, ",replica=1", ["1.0", "nan"])],
)
def test_the_loss_of_a_step_is_not_a_number(two_devices, step, replica, factors):
    assert _factors(two_devices, f"nan@step=5{replica}", step, 4) == factors


@pytest.mark.parametrize(("step", "size"), [(2, 64), (3, 8), (9, 1)])
def test_memory_suffices_before_the_step_and_up_to_the_size(two_devices, step, size):
    assert _factors(two_devices, "oom@step=3,above=8", step, size) == ["1.0", "1.0"]


@pytest.mark.parametrize(("step", "size", "replica"), [(3, 9, 0), (3, 16, 1), (7, 64, 1)])
def test_memory_does_not_suffice_from_the_step_on(two_devices, step, size, replica):
    with pytest.raises(tf.errors.ResourceExhaustedError, match="TRAINER_FAULTS: out of memory"):
        _factors(two_devices, f"oom@step=3,replica={replica},above=8", step, size)
