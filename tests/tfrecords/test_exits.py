import errno

import pytest

from tfrecords import exits


def _raise(error: BaseException) -> None:
    raise error


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


def test_ctrl_c_leaves_with_75():
    with pytest.raises(SystemExit) as leaving:
        exits.run(lambda: _raise(KeyboardInterrupt()))
    assert leaving.value.code == 75


def test_a_defect_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        exits.run(lambda: _raise(ZeroDivisionError()))


def test_a_place_that_cannot_be_used_is_named(capsys):
    with pytest.raises(SystemExit) as leaving:
        exits.run(lambda: _raise(PermissionError(errno.EACCES, "Permission denied", "data")))
    assert leaving.value.code == 4
    assert capsys.readouterr().err == "data cannot be used: Permission denied.\n"


def test_another_error_of_the_system_is_a_defect():
    with pytest.raises(BrokenPipeError):
        exits.run(lambda: _raise(BrokenPipeError(errno.EPIPE, "no")))
