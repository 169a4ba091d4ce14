import json
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from launch.sweeping import trainings
from launch.sweeping.trainings import SweepConfig
from tests.trainer.comparing import painted_runs
from tfrecords import exits

ROOT = pathlib.Path(__file__).parents[3]
# A training in small: it copies a painted run, unless a file of its rate's name says otherwise.
PROGRAM = """
import pathlib, shutil, sys
place, run_dir, rate = sys.argv[1:]
with open(place + "/calls", "a") as file:
    file.write(rate + "\\n")
fault = pathlib.Path(place, "fault_" + rate)
if fault.exists():
    print("a warning\\nIt failed.", file=sys.stderr)
    sys.exit(int(fault.read_text()))
shutil.copytree(place + "/painted", run_dir)
shutil.copy(place + "/config_" + rate, run_dir + "/config.json")
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A directory with a sweep of three learning rates, whose trainings are painted."""
    painted_runs.write(tmp_path / "painted", skill=1, examples=40)
    (tmp_path / "rates.flags").write_text(
        "--epochs=2\n--learning_rate=0.1\n--learning_rate=0.2\n--learning_rate=0.3\n"
    )

    def command(training):
        rate = str(training.config.learning_rate)
        note = {"plan_digest": "0", "weights_sha256": None}
        content = {**json.loads(training.config.to_json()), **note}
        (tmp_path / f"config_{rate}").write_text(json.dumps(content))
        return [sys.executable, "-c", PROGRAM, str(tmp_path), str(training.path), rate]

    monkeypatch.setattr(trainings, "command", command)
    return tmp_path


def _config(place, **changes):
    fields = {"grid": str(place / "rates.flags"), "runs_dir": str(place / "runs")}
    return SweepConfig(**{**fields, **changes})


def _calls(place):
    path = place / "calls"
    found = path.read_text().split() if path.exists() else []
    path.unlink(missing_ok=True)
    return found


def test_all_are_trained_and_compared(place, capfd):
    trainings.sweep(_config(place))
    assert _calls(place) == ["0.1", "0.2", "0.3"]
    printed = capfd.readouterr().out
    assert "\n2 of 3: learning_rate=0.2\n" in printed
    assert "learning_rate=0.3" in printed.split("learning_rate=0.3\n", 1)[1]
    assert (place / "runs" / "comparison" / "comparison.html").exists()
    trainings.sweep(_config(place))
    assert _calls(place) == []
    assert "2 of 3: learning_rate=0.2 is complete already." in capfd.readouterr().out


def test_one_that_fails_is_noted_and_tried_again(place, capfd):
    (place / "fault_0.2").write_text("4")
    message = "1 of 3 trainings failed; .*\n  learning_rate=0.2: exit code 4. It failed."
    with pytest.raises(exits.DataError, match=message):
        trainings.sweep(_config(place))
    assert _calls(place) == ["0.1", "0.2", "0.3"]
    assert "a warning\nIt failed.\n" in capfd.readouterr().err
    notes = json.loads((place / "runs" / "sweep.json").read_text())
    assert notes["learning_rate=0.1"] == {"status": "complete"}
    assert notes["learning_rate=0.2"]["status"] == "failed"
    (place / "fault_0.2").unlink()
    trainings.sweep(_config(place))
    assert _calls(place) == ["0.2"]


def test_one_that_is_interrupted_ends_the_sweep_which_goes_on_with_it(place):
    (place / "fault_0.2").write_text("75")
    with pytest.raises(exits.Interrupted, match="Interrupted in 2 of 3: learning_rate=0.2"):
        trainings.sweep(_config(place))
    assert _calls(place) == ["0.1", "0.2"]
    (place / "fault_0.2").unlink()
    trainings.sweep(_config(place))
    assert _calls(place) == ["0.2", "0.3"]


def test_a_sweep_with_other_flags_is_noticed_before_it_trains(place):
    trainings.sweep(_config(place))
    _calls(place)
    path = place / "rates.flags"
    path.write_text(path.read_text().replace("epochs=2", "epochs=3") + "--learning_rate=0.4\n")
    with pytest.raises(exits.UsageError, match="holds a run with other flags: epochs 2 -> 3"):
        trainings.sweep(_config(place))
    assert _calls(place) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--learning_rate=fast\n", "learning_rate=fast: .*must be a number|fast"),
        ("--learning_rate=99\n", "learning_rate=99: --learning_rate must lie between"),
        ("--no_such_flag=1\n", "There is no flag --no_such_flag"),
    ],
)
def test_a_wrong_flag_is_noticed_before_anything_is_trained(place, line, message):
    with (place / "rates.flags").open("a") as file:
        file.write(line)
    with pytest.raises(exits.UsageError, match=message):
        trainings.sweep(_config(place))
    assert _calls(place) == []


def test_a_dry_run_says_the_commands(place, monkeypatch, capsys):
    monkeypatch.undo()
    trainings.sweep(_config(place, dry_run=True))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "python -m trainer.main --epochs=2 --learning_rate=0.1 "
        f"--run_dir={place}/runs/learning_rate=0.1"
    )
    assert len(lines) == 3
    assert not (place / "runs").exists()


def test_without_a_file_the_flag_is_named(tmp_path):
    for wrong in (None, str(tmp_path)):
        with pytest.raises(exits.UsageError, match="--grid must be a flag file"):
            SweepConfig(grid=wrong)
    with pytest.raises(exits.UsageError, match="--grid=nowhere: there is no such file"):
        SweepConfig(grid="nowhere")


@pytest.mark.slow
def test_a_ctrl_c_is_handed_on_once_and_the_sweep_waits():
    child = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(1), print('saved'), sys.exit(75)))\n"
        "print('begun', flush=True)\ntime.sleep(60)\n"
    )
    program = textwrap.dedent(
        f"""
        import sys
        from launch.sweeping import trainings
        print(trainings._train([sys.executable, "-c", {child!r}]))
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout.readline() == "begun\n"
        time.sleep(0.2)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        rest = process.stdout.read()
    assert rest == "saved\n{'status': 'interrupted', 'exit_code': 75}\n"
