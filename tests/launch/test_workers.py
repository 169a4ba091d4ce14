"""The script that starts workers, with a Python that only pretends."""

import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SCRIPT = ROOT / "launch" / "workers.sh"

# It finds free ports as Python does, and tells what it is to train.
PYTHON = """#!/bin/sh
case "$1" in
  -c) echo 127.0.0.1:7001; echo 127.0.0.1:7002 ;;
  *) echo "$TF_CONFIG $*" > "$NOTES.$(echo "$TF_CONFIG" | grep -o '[0-9]}}$' | head -c 1)"
     eval exit '${CODE_'"$(echo "$TF_CONFIG" | grep -o '[0-9]}}$' | head -c 1)"':-0}' ;;
esac
"""
SCONTROL = """#!/bin/sh
test "$*" = "show hostnames node[1-2]" && printf 'node1\\nnode2\\n'
"""


def _program(path, text):
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def start(tmp_path):
    """Runs the script with programs that pretend; returns its end and what the workers noted."""
    _program(tmp_path / "python", PYTHON)
    _program(tmp_path / "scontrol", SCONTROL)

    def call(*arguments, **environment):
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "NOTES": str(tmp_path / "note"), **environment}
        done = subprocess.run(
            ["bash", str(SCRIPT), *arguments],
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


def test_a_task_of_slurm_is_one_worker_among_the_nodes(start):
    done, (note,) = start("--epochs=3", SLURM_PROCID="1", SLURM_JOB_NODELIST="node[1-2]")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(note.partition(" -m ")[0]) == {
        "cluster": {"worker": ["node1:2222", "node2:2222"]},
        "task": {"type": "worker", "index": 1},
    }
