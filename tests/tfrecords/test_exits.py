import errno
import io
import os
import pathlib
import signal
import subprocess
import sys

import pytest

from tfrecords import exits

ROOT = pathlib.Path(__file__).parents[2]


def _raise(error: BaseException) -> None:
    raise error


def test_letters_that_a_terminal_lacks_are_printed_otherwise(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="ascii"))
    with pytest.raises(SystemExit) as left:
        exits.run(lambda: print("ärger"))
    assert (left.value.code, written.getvalue()) == (0, b"\\xe4rger\n")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (exits.UsageError("say"), 2),
        (exits.DataError("say"), 3),
        (exits.MachineError("say"), 4),
        (exits.Interrupted("say"), 75),
    ],
)
def test_each_error_has_its_exit_code_and_prints_its_message(error, code, capsys):
    with pytest.raises(SystemExit) as leaving:
        exits.run(lambda: _raise(error))
    assert leaving.value.code == code
    assert capsys.readouterr().err == "say\n"


def test_success_leaves_with_0():
    with pytest.raises(SystemExit) as leaving:
        exits.run(lambda: "whatever")
    assert leaving.value.code == 0


def test_an_error_of_the_flag_parser_is_wrong_usage(capsys):
    with pytest.raises(SystemExit) as leaving:
        exits.run(lambda: _raise(KeyError("--colour")), usage_errors=(KeyError,))
    assert leaving.value.code == 2
    assert "--colour" in capsys.readouterr().err


def test_a_full_disk_names_the_file_and_the_remedy(capsys):
    with pytest.raises(SystemExit) as leaving:
        exits.run(lambda: _raise(OSError(errno.ENOSPC, "No space", "data/shard")))
    assert leaving.value.code == 4
    message = capsys.readouterr().err
    assert "data/shard" in message
    assert "run the same command again" in message


def test_a_failing_disk_names_the_file_and_the_remedy(capsys):
    with pytest.raises(SystemExit) as leaving:
        exits.run(lambda: _raise(OSError(errno.EIO, "Input/output error", "data/shard")))
    assert leaving.value.code == 4
    assert capsys.readouterr().err == (
        "A disk failed at data/shard. Nothing that was finished is lost: see to the disk and run "
        "the same command again.\n"
    )


def test_ctrl_c_leaves_with_75():
    with pytest.raises(SystemExit) as leaving:
        exits.run(lambda: _raise(KeyboardInterrupt()))
    assert leaving.value.code == 75


def test_a_command_whose_output_is_closed_ends_as_others_do(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", None)
    for program, code in ((lambda: None, 0), (lambda: _raise(exits.DataError("bad")), 3)):
        with pytest.raises(SystemExit) as leaving:
            exits.run(program)
        assert leaving.value.code == code


def test_a_defect_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        exits.run(lambda: _raise(ZeroDivisionError()))


@pytest.mark.parametrize("number", [errno.EACCES, errno.ELOOP, errno.ENAMETOOLONG])
def test_a_place_that_cannot_be_used_is_named(capsys, number):
    with pytest.raises(SystemExit) as leaving:
        exits.run(lambda: _raise(OSError(number, "Reason", "data")))
    assert leaving.value.code == 4
    assert capsys.readouterr().err == "data cannot be used: Reason.\n"


def test_a_pipe_that_breaks_elsewhere_is_a_defect():
    with pytest.raises(BrokenPipeError):
        exits.run(lambda: _raise(BrokenPipeError(errno.EPIPE, "no")))


def test_another_error_of_the_system_is_a_defect():
    with pytest.raises(ConnectionRefusedError):
        exits.run(lambda: _raise(ConnectionRefusedError(errno.ECONNREFUSED, "no")))


def _start(program, **streams):
    command = [sys.executable, "-c", f"import sys, time\nfrom tfrecords import exits\n{program}"]
    return subprocess.Popen(command, cwd=ROOT, **streams)


@pytest.mark.parametrize(
    ("program", "unbuffered", "code", "message"),
    [
        ("exits.run(lambda: print('much ' * 99999))", "", 75, b""),
        ("exits.run(lambda: print('at once'))", "1", 75, b""),
        ("exits.run(lambda: print('at the end'))", "", 75, b""),
        ("def p(): print('x'); raise exits.DataError('bad')\nexits.run(p)", "", 3, b"bad\n"),
    ],
)
def test_a_reader_that_has_left_is_not_complained_about(program, unbuffered, code, message):
    reading, writing = os.pipe()
    os.close(reading)
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    process = _start(program, stdout=writing, stderr=subprocess.PIPE, env=environment)
    os.close(writing)
    _, stderr = process.communicate()
    assert (process.returncode, stderr) == (code, message)


def test_a_message_that_nobody_reads_does_not_change_the_exit_code():
    reading, writing = os.pipe()
    os.close(reading)
    program = "def p(): raise exits.DataError('bad')\nexits.run(p)"
    process = _start(program, stdout=writing, stderr=writing)
    os.close(writing)
    assert process.wait() == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_at_once_with_a_word_even_while_standard_error_is_redirected(number):
    program = (
        "import os\n"
        "exits.leave_when_interrupted()\n"
        "os.dup2(os.open(os.devnull, os.O_WRONLY), 2)\n"
        "print('ready', flush=True)\n"
        "try: time.sleep(60)\n"
        "except BaseException: time.sleep(60)"
    )
    process = _start(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    _, stderr = process.communicate()
    assert process.returncode == 75
    assert stderr == b"Interrupted; what is done is kept. Run the same command again to go on.\n"


def test_leaving_at_once_waits_for_no_thread():
    program = (
        "import threading\n"
        "threading.Thread(target=time.sleep, args=(600,)).start()\n"
        "exits.leave_at_once(exits.MachineError('say'))"
    )
    process = _start(program, stderr=subprocess.PIPE)
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (4, b"say\n")
