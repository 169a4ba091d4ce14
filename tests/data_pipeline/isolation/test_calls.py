"""Pictures that end the process that decodes them, and what becomes of their neighbours."""

import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from data_pipeline.images import decoder, image_policy
from data_pipeline.images.image_policy import Reason, Rejection, Stored
from data_pipeline.isolation import calls
from data_pipeline.sources.locations import File
from data_pipeline.video import searcher
from tests.data_pipeline import fragile_decoder as fragile
from tests.data_pipeline import painted
from tfrecords import exits

ROOT = pathlib.Path(__file__).parents[3]
FOUND = image_policy.store(painted.jpeg(5), 8)


def _call(words, function="store"):
    return function, (painted.jpeg(5, comment=words), 8)


def _store(isolated, *comments):
    """Asks for each in a request of its own."""
    futures = [isolated.submit([_call(words)])[0] for words in comments]
    return [future.result(60) for future in futures]


def _store_together(isolated, *comments):
    """Asks for all in one request."""
    futures = isolated.submit([_call(words) for words in comments])
    return [future.result(60) for future in futures]


def test_a_call_returns_what_the_function_returns():
    assert calls.submit(decoder.PROGRAM, "store", painted.jpeg(5), 8).result(60) == FOUND
    assert calls.submit(decoder.PROGRAM, "store", b"", 8).result(60) == Rejection(
        Reason.EMPTY_FILE, "0 bytes"
    )


def test_it_is_called_in_another_process_that_stays(fragile_decoder):
    assert _store(fragile_decoder, b"") == [FOUND]
    process = fragile_decoder._child._process
    assert process.pid != os.getpid()
    assert _store(fragile_decoder, b"") == [FOUND]
    assert fragile_decoder._child._process is process


def test_a_call_goes_to_the_child_that_has_least_to_do(fragile_decoder):
    calls.share(decoder.PROGRAM, 2)
    hanging = calls.submit(decoder.PROGRAM, "store", painted.jpeg(5, comment=fragile.HANG), 8)
    assert calls.submit(decoder.PROGRAM, "store", painted.jpeg(5), 8).result(60) == FOUND
    first, second = calls._shared(decoder.PROGRAM).children
    assert first is fragile_decoder
    assert second._child is not None
    assert hanging.result(60).reason == Reason.TIMEOUT


@pytest.mark.parametrize("number", [0, 1, 7, 100])
def test_each_item_comes_in_order_with_what_the_function_returns(fragile_decoder, number):
    calls.share(decoder.PROGRAM, 2)
    comments = {index: b"" if index != 5 else fragile.ABORT for index in range(number)}
    found = list(
        calls.each(decoder.PROGRAM, "store", range(number), lambda index: _call(comments[index])[1])
    )
    dead = Rejection(Reason.CRASHED, "its decoder ended with SIGABRT")
    assert found == [(index, dead if index == 5 else FOUND) for index in range(number)]


def test_a_child_fetches_what_a_call_needs(tmp_path):
    path = tmp_path / "1.jpg"
    path.write_bytes(painted.jpeg(5))
    places = [File(str(path), 0, 0), File(str(tmp_path / "absent.jpg"), 0, 0), "nonsense"]
    found, absent, broken = (
        calls.submit(decoder.PROGRAM, "look", place, 8, None).result(60) for place in places
    )
    assert found.num_bytes == path.stat().st_size
    assert isinstance(absent, FileNotFoundError)
    assert broken == Rejection(
        Reason.CRASHED, "AttributeError: 'str' object has no attribute 'read'"
    )


def test_messages_larger_than_a_pipe_do_not_wait_for_each_other(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (700, 700, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.jpg", quality=95)
    data = (tmp_path / "noise.jpg").read_bytes()
    assert len(data) > 4 * 65_536
    futures = [calls.submit(decoder.PROGRAM, "store", data, 700) for _ in range(12)]
    for future in futures:
        assert future.result(60) == Stored(data, 700, 700, True, False)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (fragile.ABORT, Rejection(Reason.CRASHED, "its decoder ended with SIGABRT")),
        (fragile.HANG, Rejection(Reason.TIMEOUT, "took more than 1 seconds")),
        (fragile.HANG_IN_C, Rejection(Reason.TIMEOUT, "took more than 1 seconds")),
        (
            fragile.EAT_MEMORY,
            Rejection(Reason.OUT_OF_MEMORY, "needs more than 3,221,225,472 bytes"),
        ),
        (fragile.RAISE, Rejection(Reason.CRASHED, "ValueError: two lines")),
    ],
)
@pytest.mark.parametrize("ask", [_store, _store_together])
def test_a_picture_that_ends_its_process_is_rejected_alone(fragile_decoder, ask, words, expected):
    found = ask(fragile_decoder, b"", b"", words, b"", b"", b"", b"")
    assert found == [FOUND, FOUND, expected, FOUND, FOUND, FOUND, FOUND]
    assert fragile_decoder.num_open == 0


@pytest.mark.parametrize("ask", [_store, _store_together])
def test_a_picture_that_waited_behind_several_deaths_is_not_suspected(fragile_decoder, ask):
    dead = Rejection(Reason.CRASHED, "its decoder ended with SIGABRT")
    found = ask(fragile_decoder, *[fragile.ABORT] * 3, b"", *[fragile.ABORT] * 2, b"")
    assert found == [dead, dead, dead, FOUND, dead, dead, FOUND]


@pytest.mark.parametrize("ask", [_store, _store_together])
def test_a_death_that_does_not_come_again_is_nobodys_fault(fragile_decoder, tmp_path, ask):
    words = fragile.ABORT_ONCE + os.fsencode(tmp_path / "aborted") + b"\n"
    assert ask(fragile_decoder, b"", words, b"") == [FOUND] * 3
    assert (tmp_path / "aborted").exists()


def test_a_killed_child_is_replaced(fragile_decoder):
    assert _store(fragile_decoder, b"") == [FOUND]
    os.kill(fragile_decoder._child._process.pid, signal.SIGKILL)
    assert _store(fragile_decoder, b"", b"") == [FOUND] * 2


def test_ctrl_c_is_left_to_the_process_that_started_it(fragile_decoder):
    assert _store(fragile_decoder, b"") == [FOUND]
    process = fragile_decoder._child._process
    os.kill(process.pid, signal.SIGINT)
    assert _store(fragile_decoder, b"") == [FOUND]
    assert fragile_decoder._child._process is process


def test_a_child_that_does_not_start_is_the_machines_fault(monkeypatch):
    program = dataclasses.replace(decoder.PROGRAM, module="no.such.module")
    isolated = calls.Isolation(program)
    with pytest.raises(
        exits.MachineError,
        match=r"The decoder did not start: .* exit code 1\. `.* -m no\.such\.module` in .* says",
    ):
        isolated.submit([("store", (b"", 8))])[0].result(60)
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(exits.MachineError, match="No process can be started: .*No such file"):
        isolated.submit([("store", (b"", 8))])[0].result(60)
    isolated.close()


def test_closing_does_not_wait_for_a_picture_that_hangs(fragile_decoder):
    assert _store(fragile_decoder, b"") == [FOUND]
    process = fragile_decoder._child._process
    fragile_decoder.submit([_call(fragile.HANG)])
    fragile_decoder.close()
    assert process.returncode == -signal.SIGKILL


def _is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().split(")")[-1].split()[0] != "Z"
    except FileNotFoundError:
        return False


_PROGRAM = """
import sys, time
from data_pipeline.images import decoder
from data_pipeline.isolation import calls
from data_pipeline.sources.locations import File
calls.submit(decoder.PROGRAM, "store", b"", 8).result()
print(calls._shared(decoder.PROGRAM).children[0]._child._process.pid, flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("end", ["time.sleep(60)", ""])
def test_a_child_ends_with_its_parent(end):
    parent = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM + end], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with parent:
        child = int(parent.stdout.readline())
        if end:
            assert _is_alive(child)
            parent.kill()
    deadline = time.monotonic() + 30
    while _is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _is_alive(child)
    assert parent.returncode == (-signal.SIGKILL if end else 0)


@pytest.mark.slow
@pytest.mark.parametrize("program", [decoder.PROGRAM, searcher.PROGRAM])
def test_a_child_loads_neither_beam_nor_anything_else_that_is_slow_to_start(program):
    code = (
        f"import sys, {program.module}\n"
        "print({'apache_beam', 'tensorflow', 'matplotlib', 'scipy'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
