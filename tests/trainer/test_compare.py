import dataclasses
import importlib

import pytest

from tfrecords import exits
from trainer import compare
from trainer.comparing import comparison


def test_flags_and_directories_reach_the_program(monkeypatch, capsys):
    entry = importlib.reload(compare)
    received = []
    monkeypatch.setattr(comparison, "compare", lambda *a: received.append(a) or "a table")
    entry.main(entry.parse_flags(["compare", "runs/a", "--sort=f1", "runs/b"]))
    assert received == [(comparison.CompareConfig(sort="f1"), ["runs/a", "runs/b"])]
    assert capsys.readouterr().out == "a table\n"


def test_every_field_has_a_flag():
    entry = importlib.reload(compare)
    assert set(entry.FLAGS) == {f.name for f in dataclasses.fields(comparison.CompareConfig)}


def test_without_directories_the_usage_is_said():
    entry = importlib.reload(compare)
    with pytest.raises(exits.UsageError, match=r"as in: python -m trainer.compare runs/\*"):
        entry.parse_flags(["compare"])
