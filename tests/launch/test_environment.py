"""The environment's script in a copy of the repository, with a Python that only pretends."""

import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[2]

# It keeps its pip beside it, as a file, and notes what it is told to do.
PYTHON = """#!/bin/sh
case "$1 $2" in
  "--version ") echo "Python $VERSION"; exit ;;
  "-c "*) test "$VERSION" != 3.9; exit ;;
esac
echo "$*" >> "$NOTES"
case "$2 $3" in
  "venv --clear")
    rm -rf "$4"; mkdir -p "$4/bin"; cp "$0" "$4/bin/python"
    test -z "$KILLED_IN_VENV" || exit 1
    touch "$4/bin/pip" ;;
  "pip --version") test -e "$(dirname "$0")/pip" ;;
  "pip install") test -z "$OFFLINE" && test -e "$(dirname "$0")/pip" ;;
esac
"""
INSTALL = "-m pip install --quiet --disable-pip-version-check"
INSTALLED = [
    f"{INSTALL} --require-hashes --requirement launch/requirements.lock",
    f"{INSTALL} --no-deps --no-build-isolation --editable .",
]
MADE = ["-m venv --clear .venv", *INSTALLED]


@pytest.fixture
def clone(tmp_path):
    """A copy of what the script reads, and a directory of interpreters."""
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python3.13"
    python.write_text(PYTHON)
    python.chmod(0o755)
    shutil.copytree(ROOT / "launch", tmp_path / "launch")
    shutil.copy(ROOT / "setup.py", tmp_path)
    return tmp_path


def _make(clone, **environment):
    """Returns the exit code, what was done, and the script's errors."""
    notes = clone / "notes"
    notes.write_text("")
    script = "set -euo pipefail; source launch/environment.sh; make_environment requirements.lock"
    variables = {"PATH": f"{clone / 'bin'}:/usr/bin:/bin", "NOTES": str(notes), "VERSION": "3.13.1"}
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=clone,
        env=variables | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    doings = notes.read_text().splitlines()
    return done.returncode, [line for line in doings if "--version" not in line], done.stderr


def test_an_environment_is_made_once(clone):
    assert _make(clone) == (0, MADE, "")
    assert _make(clone) == (0, [], "")


def test_packages_are_installed_anew_where_the_lock_has_changed(clone):
    _make(clone)
    with (clone / "launch" / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    assert _make(clone) == (0, INSTALLED, "")


def test_an_interrupted_installation_goes_on(clone):
    code, _, errors = _make(clone, OFFLINE="yes")
    assert code == 4
    assert "Run the same command again to go on." in errors
    assert _make(clone) == (0, INSTALLED, "")


def test_an_environment_that_was_left_half_made_is_made_anew(clone):
    assert _make(clone, KILLED_IN_VENV="yes")[0] == 4
    assert _make(clone) == (0, MADE, "")


def test_an_environment_without_pip_is_made_anew(clone):
    _make(clone)
    (clone / ".venv" / "installed").unlink()
    (clone / ".venv" / "bin" / "pip").unlink()
    assert _make(clone) == (0, MADE, "")


def test_an_environment_whose_interpreter_is_gone_is_made_anew(clone):
    _make(clone)
    (clone / ".venv" / "bin" / "python").unlink()
    (clone / ".venv" / "bin" / "python").symlink_to("/no/such/python3.12")
    assert _make(clone) == (0, MADE, "")


def test_packages_of_another_python_do_not_count(clone):
    _make(clone)
    assert _make(clone, VERSION="3.12.9") == (0, INSTALLED, "")


def test_an_environment_of_a_python_that_is_too_old_is_made_anew(clone):
    _make(clone)
    python = clone / ".venv" / "bin" / "python"
    python.write_text(PYTHON.replace("$VERSION", "3.9"))
    assert _make(clone) == (0, MADE, "")


def test_the_python_that_was_asked_for_is_used_or_refused(clone):
    (clone / "bin" / "python3.13").rename(clone / "mine")
    assert _make(clone, PYTHON=str(clone / "mine")) == (0, MADE, "")
    shutil.rmtree(clone / ".venv")
    code, doings, errors = _make(clone, PYTHON="no_such_python")
    assert (code, doings) == (4, [])
    assert "No Python 3.11, 3.12 or 3.13 was found as no_such_python." in errors


@pytest.mark.parametrize("script", sorted((ROOT / "launch").rglob("*.sh")), ids=lambda p: p.name)
def test_each_script_can_be_parsed(script):
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_a_word_for_the_quickstart_starts_nothing():
    done = subprocess.run(
        ["bash", str(ROOT / "launch" / "quickstart.sh"), "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "takes no words" in done.stderr
