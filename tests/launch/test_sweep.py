import dataclasses
import importlib

from launch import sweep
from launch.sweeping import trainings


def test_flags_reach_the_program(monkeypatch, tmp_path):
    entry = importlib.reload(sweep)
    received = []
    monkeypatch.setattr(trainings, "sweep", received.append)
    (tmp_path / "rates.flags").write_text("")
    words = [f"--grid={tmp_path / 'rates.flags'}", "--dry_run"]
    entry.main(entry.parse_flags(["sweep", *words]))
    assert received == [trainings.SweepConfig(grid=str(tmp_path / "rates.flags"), dry_run=True)]
    assert received[0].runs_path.as_posix() == "runs/rates"
    assert set(entry.FLAGS) == {f.name for f in dataclasses.fields(trainings.SweepConfig)}
