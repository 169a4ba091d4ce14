import collections
import errno
import pathlib
import re
import signal
import subprocess
import sys

import pytest

from data_pipeline import faults
from tfrecords import exits

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _counted_from_the_beginning(monkeypatch):
    monkeypatch.setattr(faults, "_counts", collections.Counter())


def test_faults_are_parsed():
    assert faults.parse("rename:3:kill; write:5:enospc;") == {
        ("rename", 3): "kill",
        ("write", 5): "enospc",
    }


@pytest.mark.parametrize(
    "text",
    ["rename", "rename:0:kill", "rename:3", "rename:3:hang", "sleep:1:kill", "rename:3:kill:4"],
)
def test_what_is_no_fault_is_refused(text, monkeypatch):
    monkeypatch.setenv(faults.VARIABLE, text)
    with pytest.raises(exits.UsageError, match="operation:number:effect") as refusal:
        faults.before("list")
    assert repr(text) in str(refusal.value)


@pytest.mark.parametrize(("effect", "code"), [("enospc", errno.ENOSPC), ("eio", errno.EIO)])
def test_a_fault_strikes_the_operation_of_its_number_alone(monkeypatch, effect, code):
    monkeypatch.setenv(faults.VARIABLE, f"write:2:{effect}")
    faults.before("write")
    faults.before("rename")
    faults.before("rename")
    with pytest.raises(OSError) as struck:
        faults.before("write")
    assert struck.value.errno == code
    faults.before("write")


def test_nothing_is_counted_while_no_fault_is_asked_for(monkeypatch):
    monkeypatch.delenv(faults.VARIABLE, raising=False)
    faults.before("write")
    monkeypatch.setenv(faults.VARIABLE, "write:1:eio")
    with pytest.raises(OSError):
        faults.before("write")


def test_a_killed_process_is_killed():
    done = subprocess.run(
        [sys.executable, "-c", "from data_pipeline import faults; faults.before('rename')"],
        cwd=ROOT,
        env={faults.VARIABLE: "rename:1:kill"},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL


def test_every_operation_is_one_of_the_build_and_the_other_way_round():
    sources = (ROOT / "data_pipeline").rglob("*.py")
    called = {
        name
        for path in sources
        for name in re.findall(r'faults\.before\("(\w+)"\)', path.read_text(encoding="utf-8"))
    }
    assert called == set(faults.OPERATIONS)
