"""The fields of a command's configuration: default, limits and explanation, each said once.

A configuration is a frozen dataclass whose fields are made by the functions here, with a `Section`
before those that belong together. `check` refuses what is out of range, `define` makes the flags of
the command, and `read` the configuration of them.
"""

import dataclasses
import math
import pathlib
import types
import typing
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from tfrecords import exits

_EXPLANATION, _CHOICES, _RANGE, _IS_PLACE = "explanation", "choices", "range", "is_place"

Config = TypeVar("Config")


@dataclasses.dataclass(frozen=True)
class Section:
    """What the fields after it are about, up to the next section.

    It stands among the fields as an attribute of the class, without a type.

    Attributes:
      title: what `--help` says above them.
      is_of_result: whether they decide what comes out, and not only how.
    """

    title: str
    is_of_result: bool = False


def text(default: str | None, explanation: str) -> Any:
    """Returns a field of words."""
    return _field(default, explanation)


def place(default: str | None, explanation: str) -> Any:
    """Returns a field of a path, which may begin at home, `~`."""
    return _field(default, explanation, {_IS_PLACE: True})


def choice(default: str, choices: Collection[str], explanation: str) -> Any:
    """Returns a field of one word among some."""
    return _field(default, f"{explanation}: {', '.join(choices)}.", {_CHOICES: choices})


def number(default: float | None, low: float, high: float, explanation: str) -> Any:
    """Returns a field of a number from `low` to `high`, both allowed."""
    return _field(default, explanation, {_RANGE: (low, high)})


def switch(default: bool, explanation: str) -> Any:
    """Returns a field of yes or no."""
    return _field(default, explanation)


def _field(default: Any, explanation: str, limits: Mapping[str, Any] | None = None) -> Any:
    return dataclasses.field(
        default=default, metadata={_EXPLANATION: explanation, **(limits or {})}
    )


def sections(config_class: type) -> dict[Section, list[str]]:
    """Returns the names of the fields of each section, in their order."""
    names = {field.name for field in _flags_of(config_class)}
    found: dict[Section, list[str]] = {}
    for name, value in vars(config_class).items():
        if isinstance(value, Section):
            found[value] = []
        elif name in names and found:
            found[next(reversed(found))].append(name)
    return found


def titles(config_class: type) -> dict[str, list[str]]:
    """Returns the names of the flags under each title, as `usage.parse` takes them."""
    return {section.title: names for section, names in sections(config_class).items()}


def check(config: Any) -> None:
    """Checks each field of a configuration against its choices or its range.

    Raises:
      UsageError: a value lies outside; it names the flag, what is allowed, and the value.
    """
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        choices, limits = field.metadata.get(_CHOICES), field.metadata.get(_RANGE)
        if choices and value not in choices:
            raise exits.UsageError(
                f"--{field.name} must be one of {', '.join(choices)}. Received: {value!r}."
            )
        if limits and value is not None and not limits[0] <= value <= limits[1]:
            raise exits.UsageError(f"--{field.name} must {_range(*limits)}. Received: {value}.")


def _range(low: float, high: float) -> str:
    shown = [str(limit) if isinstance(limit, int) else f"{limit:g}" for limit in (low, high)]
    return f"be at least {shown[0]}" if high == math.inf else f"lie between {' and '.join(shown)}"


def define(config_class: type, flags: Any, values: Any) -> None:
    """Defines a flag for each field, with its default and explanation.

    Args:
      config_class: the dataclass.
      flags: the module `absl.flags`.
      values: the `absl.flags.FlagValues` that the flags are defined in.
    """
    definers = {
        str: flags.DEFINE_string,
        int: flags.DEFINE_integer,
        float: flags.DEFINE_float,
        bool: flags.DEFINE_bool,
    }
    kinds = typing.get_type_hints(config_class)
    for field in _flags_of(config_class):
        definers[_kind(kinds[field.name])](
            field.name, field.default, field.metadata[_EXPLANATION], flag_values=values
        )


def read(config_class: type[Config], values: Any, **others: Any) -> Config:
    """Returns the configuration that the flags describe.

    Args:
      config_class: the dataclass, whose flags `define` made.
      values: the `absl.flags.FlagValues`.
      **others: fields that are no flags.

    Raises:
      UsageError: a value is out of range, or two contradict each other.
    """
    given = {field.name: values[field.name].value for field in _flags_of(config_class)}
    for field in _flags_of(config_class):
        if field.metadata.get(_IS_PLACE):
            given[field.name] = from_home(field.name, given[field.name])
    return config_class(**given, **others)


def from_home(flag: str, path: str | None) -> str | None:
    """Returns a path with its `~` written out, which shells leave as it is after `--flag=`.

    Raises:
      UsageError: it is the home of nobody.
    """
    if path is None or not path.startswith("~"):
        return path
    try:
        return str(pathlib.Path(path).expanduser())
    except RuntimeError:
        user = pathlib.Path(path).parts[0]
        raise exits.UsageError(
            f"--{flag}={path}: {user} is no home. Use ./{path} for a name that begins so."
        ) from None


def _flags_of(config_class: Any) -> list[dataclasses.Field[Any]]:
    return [f for f in dataclasses.fields(config_class) if _EXPLANATION in f.metadata]


def _kind(hint: Any) -> type:
    """Returns the type of a field's values, None left aside."""
    if isinstance(hint, types.UnionType):
        (hint,) = (kind for kind in typing.get_args(hint) if kind is not types.NoneType)
    return hint
