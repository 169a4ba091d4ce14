import dataclasses

import pytest
from absl import flags

from tfrecords import exits, settings


@dataclasses.dataclass(frozen=True)
class Config:
    _what = settings.Section("What it does", is_of_result=True)
    name: str = settings.text("first", "The name.")
    note: str | None = settings.text(None, "A note.")
    mode: str = settings.choice("slow", ("slow", "fast"), "How it goes")
    _how = settings.Section("How it does it")
    count: int = settings.number(8, 1, 100, "How many.")
    size: int | None = settings.number(None, 8, 64, "The size in pixels.")
    rate: float = settings.number(0.5, 0, 1, "The rate.")
    dry: bool = settings.switch(False, "Do nothing.")
    options: tuple[str, ...] = ()

    def __post_init__(self):
        settings.check(self)


@pytest.fixture
def values():
    defined = flags.FlagValues()
    settings.define(Config, flags, defined)
    return defined


def test_defaults_are_those_of_any_dataclass():
    assert dataclasses.asdict(Config()) == {
        "name": "first",
        "note": None,
        "mode": "slow",
        "count": 8,
        "size": None,
        "rate": 0.5,
        "dry": False,
        "options": (),
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mode": "best"}, "--mode must be one of slow, fast. Received: 'best'."),
        ({"count": 0}, "--count must lie between 1 and 100. Received: 0."),
        ({"size": 65}, "--size must lie between 8 and 64. Received: 65."),
        ({"rate": float("nan")}, "--rate must lie between 0 and 1. Received: nan."),
    ],
)
def test_what_lies_outside_is_refused_with_flag_and_value(given, message):
    with pytest.raises(exits.UsageError) as error:
        Config(**given)
    assert str(error.value) == message


@pytest.mark.parametrize("given", [{"count": 1}, {"count": 100}, {"size": None}, {"rate": 0}])
def test_the_ends_of_a_range_and_what_is_not_set_are_allowed(given):
    assert Config(**given)


def test_flags_have_type_default_and_explanation(values):
    assert [
        (name, values[name].flag_type(), values[name].default, values[name].help)
        for name in sorted(values)
    ] == [
        ("count", "int", 8, "How many."),
        ("dry", "bool", False, "Do nothing."),
        ("mode", "string", "slow", "How it goes: slow, fast."),
        ("name", "string", "first", "The name."),
        ("note", "string", None, "A note."),
        ("rate", "float", 0.5, "The rate."),
        ("size", "int", None, "The size in pixels."),
    ]


def test_fields_stand_in_sections():
    assert settings.sections(Config) == {
        settings.Section("What it does", is_of_result=True): ["name", "note", "mode"],
        settings.Section("How it does it"): ["count", "size", "rate", "dry"],
    }
    assert settings.titles(Config) == {
        "What it does": ["name", "note", "mode"],
        "How it does it": ["count", "size", "rate", "dry"],
    }


def test_the_configuration_is_what_the_flags_say(values):
    values(["program", "--count=3", "--size=32", "--rate=.25", "--dry", "--mode=fast"])
    assert settings.read(Config, values, options=("a",)) == Config(
        count=3, size=32, rate=0.25, dry=True, mode="fast", options=("a",)
    )


@dataclasses.dataclass(frozen=True)
class Places:
    inner: str = settings.place("data", "A path.")
    note: str = settings.text("", "No path.")


def _places(*flags_given):
    values = flags.FlagValues()
    settings.define(Places, flags, values)
    values(["program", *flags_given])
    return settings.read(Places, values)


@pytest.mark.parametrize(
    ("given", "expected"),
    [("~/x", "/home/me/x"), ("~", "/home/me"), ("./~", "./~"), ("a/~", "a/~"), ("", "")],
)
def test_a_path_may_begin_at_home(monkeypatch, given, expected):
    monkeypatch.setenv("HOME", "/home/me")
    assert _places(f"--inner={given}", "--note=~/x") == Places(expected, "~/x")


def test_a_home_of_nobody_is_refused():
    with pytest.raises(exits.UsageError, match=r"--inner=~no such/x: ~no such is no home"):
        _places("--inner=~no such/x")
