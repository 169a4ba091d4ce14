import json
import os
import pathlib
import signal
import subprocess
import sys
import textwrap

import pytest

from tests import tiny
from tfrecords import exits
from trainer.running import supervisor

ROOT = pathlib.Path(__file__).parents[3]


@pytest.fixture
def run(tmp_path):
    """Runs a program of a few lines under supervision, with `tell` and the `turn`, from 0.

    Returns the exit code, and the note that each of its processes got.
    """

    def call(program, **options):
        start = f"""
            import json, os, pathlib, signal, sys, time
            note = json.loads(os.environ["TRAINER_SUPERVISOR"])
            notes = pathlib.Path({str(tmp_path / "notes")!r})
            turn = len(notes.read_text().splitlines()) if notes.exists() else 0
            with notes.open("a") as file:
                file.write(json.dumps(note) + "\\n")
            def tell(*lines):
                os.write(note["pipe"], "".join(line + "\\n" for line in lines).encode())
        """
        text = textwrap.dedent(start) + textwrap.dedent(program)
        code = supervisor.Supervisor([sys.executable, "-c", text], **options).run()
        notes = (tmp_path / "notes").read_text().splitlines()
        return code, [json.loads(line) for line in notes]

    return call


@pytest.mark.parametrize("code", [0, 2, 3, 4, 75])
def test_an_end_that_is_meant_is_passed_on(run, code):
    found, notes = run(f"sys.exit({code})")
    assert (found, len(notes)) == (code, 1)


def test_a_process_that_died_is_started_again_and_told_why(run, capsys):
    code, notes = run(
        "os.kill(os.getpid(), [signal.SIGSEGV, signal.SIGABRT][turn]) if turn < 2 else 0"
    )
    assert code == 0
    assert [note["is_restart"] for note in notes] == [False, True, True]
    reasons = ["was ended by SIGSEGV", "was ended by SIGABRT"]
    assert [note["reasons"] for note in notes] == [[], reasons[:1], reasons]
    assert [note["micro_batch"] for note in notes] == [None] * 3
    assert capsys.readouterr().out == "".join(
        f"The training {reason}; it is started again.\n" for reason in reasons
    )


def test_reasons_that_are_noted_are_not_told_again(run):
    _, notes = run("tell('noted'); sys.exit(1 if turn < 2 else 0)")
    assert [note["reasons"] for note in notes] == [[], *[["ended with exit code 1"]] * 2]


def test_a_worker_that_lost_another_one_is_started_again(run):
    code, notes = run("turn or tell('again'); sys.exit(75 if turn < 1 else 0)")
    assert (code, notes[1]["reasons"]) == (0, ["could not go on with the other workers"])


@pytest.mark.parametrize(
    ("kills", "sizes"), [([0, 1, 1], [None, 6]), ([None] * 3, [None, 6]), ([0, 0, 0], [None, None])]
)
def test_a_kill_that_may_be_for_memory_makes_the_micro_batch_smaller(run, kills, sizes):
    program = "tell('size 8 24', 'step'); os.kill(os.getpid(), signal.SIGKILL) if not turn else 0"
    counts = iter(kills)
    code, notes = run(program, kills_for_memory=lambda: next(counts))
    assert code == 0
    assert [note["micro_batch"] for note in notes] == sizes


def test_after_too_many_deaths_it_gives_up(run, monkeypatch):
    monkeypatch.setattr(supervisor, "MAX_RESTARTS", 2)
    with pytest.raises(exits.MachineError) as error:
        run("sys.exit(1)")
    assert str(error.value) == (
        "The training was started again 2 times, and at last ended with exit code 1. What was "
        "saved last is whole: find the cause, then run the same command again."
    )


def test_a_process_that_hangs_is_ended_and_started_again(run):
    program = "turn or (tell('long', 'step'), time.sleep(600))"
    code, notes = run(program, least_seconds=0.1)
    assert code == 0
    assert notes[1]["reasons"] == ["gave no sign of life for 0 s"]


def test_one_that_does_not_even_obey_is_killed(run, monkeypatch):
    monkeypatch.setattr(supervisor, "GRACE_SECONDS", 0.1)
    program = """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        turn or (tell('size 8 8', 'step'), time.sleep(600))
    """
    code, notes = run(program, least_seconds=0.1, kills_for_memory=lambda: None)
    assert (code, len(notes), notes[1]["micro_batch"]) == (0, 2, None)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_passed_on_once_and_ends_it(run, number):
    program = f"""
        signal.signal({int(number)}, lambda *_: sys.exit(75))
        os.kill(os.getppid(), {int(number)})
        time.sleep(600)
    """
    code, notes = run(program)
    assert (code, len(notes)) == (75, 1)
    assert signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)


def test_a_process_that_dies_after_a_signal_is_not_started_again(run):
    code, notes = run("os.kill(os.getppid(), signal.SIGTERM); time.sleep(600)")
    assert (code, len(notes)) == (75, 1)


def test_a_process_that_does_not_obey_a_signal_is_killed_in_the_end(run, monkeypatch):
    monkeypatch.setattr(supervisor, "GRACE_SECONDS", 0.1)
    program = """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.kill(os.getppid(), signal.SIGTERM)
        time.sleep(600)
    """
    code, notes = run(program)
    assert (code, len(notes)) == (75, 1)


def test_linux_tells_how_often_it_has_killed_for_memory(tmp_path, monkeypatch):
    vmstat = tmp_path / "vmstat"
    monkeypatch.setattr(supervisor, "_VMSTAT", vmstat)
    assert supervisor.kills_for_memory() is None
    vmstat.write_text("pgfault 5\noom_kill 3\n")
    assert supervisor.kills_for_memory() == 3


def test_the_supervisor_does_without_tensorflow():
    code = "import sys, trainer.supervise; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["kill@step=7", "hang@step=9"])
def test_a_training_survives_and_ends_with_the_same_weights(tmp_path, undisturbed_command, fault):
    tiny.write(tmp_path / "data")
    flags = [
        "--supervise",
        f"--data_dir={tmp_path / 'data'}",
        f"--run_dir={tmp_path / 'run'}",
        "--dataset=tiny",
        "--strategy=mirrored",
        "--epochs=2",
        "--global_batch_size=8",
        "--checkpoint_steps=4",
    ]
    # The command as a user gives it, but for the time that a step may take.
    code = (
        "import sys; from trainer import supervise; from trainer.running import patience; "
        "patience.LEAST_SECONDS = 15; supervise.main(sys.argv[1:])"
    )
    command = ["-m", "trainer.main"] if fault.startswith("kill") else ["-c", code]
    done = subprocess.run(
        [sys.executable, *command, *flags],
        cwd=ROOT,
        env={**os.environ, "TRAINER_FAULTS": fault},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "\nResuming after " in done.stdout
    # On a machine that is busy with other work another step may take as long as a hang.
    restarts = done.stdout.count("; it is started again.\n")
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["restarts"] == restarts >= 1
    expected = json.loads((undisturbed_command / "summary.json").read_text())
    assert summary["weights_sha256"] == expected["weights_sha256"]
