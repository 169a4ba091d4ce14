"""A flag file in which a flag may stand several times: every combination of their values. Pure."""

import dataclasses
import itertools
import re

from tfrecords import exits

_FLAGFILE = "flagfile"
# Each run has a directory of its own, and is taken up again where it stopped.
_REFUSED = ("run_dir", "restart")


@dataclasses.dataclass(frozen=True)
class Combination:
    """One value for each flag.

    Attributes:
      name: the flags that vary, with their values; fit for a directory.
      words: of the command line; those of flag files first, so that the others count.
    """

    name: str
    words: tuple[str, ...]


def combinations(text: str) -> list[Combination]:
    """Returns the combinations of a file, those of the last flag next to each other.

    Args:
      text: `--name=value` a line; lines that begin with # are comments. A flag that stands several
        times takes each of its values in turn, `--flagfile` too. Commas belong to a value.

    Raises:
      UsageError: a line is no flag, a value stands twice, no flag stands several times, or the
        flag is one that the sweep sets itself.
    """
    values = _values(text)
    varied = [name for name, found in values.items() if len(found) > 1]
    if not varied:
        raise exits.UsageError(
            "No flag of the sweep has several values: write it several times, one value a line."
        )
    found = []
    for chosen in itertools.product(*values.values()):
        flags = dict(zip(values, chosen, strict=True))
        name = "+".join(f"{flag}={_plain(flag, flags[flag])}" for flag in varied)
        words = sorted(flags.items(), key=lambda item: item[0] != _FLAGFILE)
        found.append(Combination(name, tuple(_word(flag, value) for flag, value in words)))
    names = [combination.name for combination in found]
    if len(set(names)) < len(names):
        raise exits.UsageError("Two values of the sweep give the same name of a directory.")
    return found


def _values(text: str) -> dict[str, list[str | None]]:
    """Returns by flag its values, None for one without; all in the order of the file."""
    values: dict[str, list[str | None]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        word = line.strip()
        if not word or word.startswith("#"):
            continue
        if not re.match(r"--?\w", word):
            raise exits.UsageError(f"Line {number} of the sweep is no flag. Received: {word!r}.")
        name, _, value = word.lstrip("-").partition("=")
        if name in _REFUSED:
            raise exits.UsageError(
                f"--{name} is not for a sweep, each of whose runs has a directory of its own in "
                f"--runs_dir. Received: {word} in line {number}."
            )
        given = value if "=" in word else None
        if given in values.setdefault(name, []):
            raise exits.UsageError(f"Line {number} of the sweep stands there twice: {word}.")
        values[name].append(given)
    return values


def _word(name: str, value: str | None) -> str:
    return f"--{name}" if value is None else f"--{name}={value}"


def _plain(name: str, value: str | None) -> str:
    """Returns a value as a part of a directory's name; of a flag file the name alone."""
    text = value or ""
    if name == _FLAGFILE:
        text = re.sub(r"\.\w+$", "", text.rsplit("/", 1)[-1])
    return re.sub(r"[^\w.-]+", "-", text)
