"""The scripts that start workers, with a Python and a SLURM that only pretend."""

import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SCRIPT = ROOT / "launch" / "workers.sh"

# It finds free ports as Python does, and tells what it is to train.
PYTHON = """#!/bin/sh
case "$1" in
  -c) echo 127.0.0.1:7001; echo 127.0.0.1:7002 ;;
  *) index=$(echo "$TF_CONFIG" | grep -o '[0-9]}}$' | head -c 1)
     echo "$TF_CONFIG $*" > "$NOTES.$index"
     eval waits='${WAITS_'"$index"':-}'
     if [ -n "$waits" ]; then exec sleep "$waits"; fi
     eval exit '${CODE_'"$index"':-0}' ;;
esac
"""
SCONTROL = """#!/bin/sh
case "$*" in
  "show hostnames node[1-2]") printf 'node1\\nnode2\\n' ;;
  "requeue 17") echo requeued ;;
  *) exit 1 ;;
esac
"""
SRUN = """#!/bin/sh
echo "$*" > "$NOTES.srun"
echo "$WORDS" >&2
exit "$CODE"
"""


def _outer():
    """Returns the variables of the tests, less those that a script takes for its own."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHON", "PORT") and not name.startswith("SLURM_")
    }


def _program(path, text):
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def start(tmp_path):
    """Runs the script with programs that pretend; returns its end and what the workers noted."""
    _program(tmp_path / "python", PYTHON)
    _program(tmp_path / "scontrol", SCONTROL)
    _program(tmp_path / "srun", SRUN)

    def call(*arguments, script=SCRIPT, **environment):
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        environment = {**_outer(), "PATH": path, "NOTES": str(tmp_path / "note"), **environment}
        done = subprocess.run(
            ["bash", str(script), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done, [path.read_text() for path in sorted(tmp_path.glob("note.*"))]

    return call


def test_each_worker_on_this_machine_has_its_place_and_the_flags(start):
    done, notes = start("2", "--epochs=3", "--dataset=my faces")
    assert (done.returncode, done.stderr) == (0, "")
    for index, note in enumerate(notes):
        config, _, flags = note.strip().partition(" -m ")
        assert json.loads(config) == {
            "cluster": {"worker": ["127.0.0.1:7001", "127.0.0.1:7002"]},
            "task": {"type": "worker", "index": index},
        }
        assert flags == (
            "trainer.main --strategy=multi_worker_mirrored --epochs=3 --dataset=my faces"
        )
    assert len(notes) == 2


@pytest.mark.parametrize(
    ("codes", "code"), [(("75", "0"), 75), (("3", "75"), 3), (("75", "137"), 137), (("0", "0"), 0)]
)
def test_the_end_is_that_of_the_worker_that_went_wrong_first(start, codes, code):
    done, _ = start("2", CODE_0=codes[0], CODE_1=codes[1])
    assert done.returncode == code


@pytest.mark.parametrize("arguments", [(), ("--epochs=3",), ("0",), ("2.5",)])
def test_without_a_number_of_workers_nothing_starts(start, arguments):
    done, notes = start(*arguments)
    assert (done.returncode, notes) == (2, [])
    assert done.stderr == (
        "launch/workers.sh: the number of workers comes first, as in bash launch/workers.sh 2 "
        f"--dataset=my_faces. Received: {arguments[0] if arguments else 'nothing'}.\n"
    )


def test_a_python_that_is_not_there_is_no_success(start):
    done, notes = start("2", PYTHON="absent")
    assert (done.returncode, notes) == (4, [])
    assert "launch/workers.sh: absent does not find free ports.\n" in done.stderr


def test_one_that_fails_ends_the_others_at_once(start):
    done, _ = start("2", CODE_0="3", WAITS_1="600")
    assert done.returncode == 3
    assert done.stderr == (
        "launch/workers.sh: worker 0 has ended with exit code 3, and the others are ended.\n"
    )


def test_one_that_was_interrupted_leaves_the_others_time_to_save(start):
    done, _ = start("2", CODE_0="75", WAITS_1="1")
    assert (done.returncode, done.stderr) == (75, "")


def test_a_signal_comes_to_each_worker_once(tmp_path):
    # In a process group of its own, as a shell starts it; Ctrl-C is a SIGINT to all of the group.
    worker = """#!/bin/bash
if [[ $1 == -c ]]; then echo a:1; echo b:1; exit; fi
trap 'echo signal >> "$NOTES"' TERM INT
echo here >> "$NOTES"
for _ in {1..600}; do
  if (($(grep -c signal "$NOTES") >= 2)); then break; fi
  sleep 0.05
done
sleep 0.3
exit 75
"""
    _program(tmp_path / "python", worker)
    notes = tmp_path / "notes"
    process = subprocess.Popen(
        ["bash", str(SCRIPT), "2"],
        env={**_outer(), "PYTHON": str(tmp_path / "python"), "NOTES": str(notes)},
        start_new_session=True,
    )
    try:
        while not notes.exists() or notes.read_text().count("here") < 2:
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=60) == 75
    finally:
        process.kill()
    assert notes.read_text().split() == ["here"] * 2 + ["signal"] * 2


SLURM = {"SLURM_JOB_NODELIST": "node[1-2]", "SLURM_JOB_ID": "17", "SLURM_NTASKS": "2"}


def test_a_task_of_slurm_is_one_worker_among_the_nodes(start):
    done, (note,) = start("--epochs=3", **SLURM, SLURM_PROCID="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(note.partition(" -m ")[0]) == {
        "cluster": {"worker": ["node1:10017", "node2:10017"]},
        "task": {"type": "worker", "index": 1},
    }


def test_the_port_of_slurms_machines_can_be_chosen(start):
    _, (note,) = start(**SLURM, SLURM_PROCID="0", PORT="2222")
    assert '["node1:2222","node2:2222"]' in note


def test_two_tasks_on_a_machine_of_slurm_are_refused(start):
    done, notes = start(**{**SLURM, "SLURM_NTASKS": "4"}, SLURM_PROCID="0")
    assert (done.returncode, notes) == (2, [])
    assert done.stderr == (
        "launch/workers.sh: each machine must have one task. Received: 4 tasks on 2 machines. Use "
        "--ntasks-per-node=1.\n"
    )


def test_machines_that_slurm_does_not_know_are_no_success(start):
    done, notes = start(**{**SLURM, "SLURM_JOB_NODELIST": "node9"}, SLURM_PROCID="0")
    assert (done.returncode, notes) == (4, [])
    assert done.stderr == "launch/workers.sh: scontrol does not know the machines node9.\n"


@pytest.mark.parametrize(
    ("code", "words", "end", "is_requeued"),
    [
        (0, "", 0, False),
        (75, "srun: error: node[1-2]: tasks 0-1: Exited with exit code 75", 75, True),
        (137, "srun: error: node2: task 1: Killed", 137, True),
        (142, "srun: error: node2: task 1: Alarm clock", 142, True),
        # The other one has lost it: it would come to the same end again.
        (75, "srun: error: node2: task 1: Exited with exit code 3", 3, False),
        (4, "srun: error: node2: task 1: Exited with exit code 4", 4, False),
        (1, "srun: error: Unable to create step", 1, False),
    ],
)
def test_a_job_of_slurm_is_queued_again_where_that_helps(
    start, tmp_path, code, words, end, is_requeued
):
    done, (note,) = start(
        "--epochs=3",
        script=ROOT / "launch" / "slurm.sbatch",
        SLURM_SUBMIT_DIR=str(ROOT),
        SLURM_JOB_ID="17",
        CODE=str(code),
        WORDS=words,
    )
    assert note == "--kill-on-bad-exit=0 --wait=60 bash launch/workers.sh --epochs=3\n"
    assert done.returncode == end
    assert done.stderr.strip() == words
    assert done.stdout == ("requeued\n" if is_requeued else "")
