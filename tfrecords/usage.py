"""How a command reads its flags, and what it says when it is asked for help."""

import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from tfrecords import exits

_SHORT = {"--help", "-help", "--helpshort", "-h", "-?"}
_FULL = "--helpfull"
_END = "--flagfile=FILE takes flags from a file. --helpfull shows the flags of libraries too."
_COLUMN, _WIDTH = 29, 100  # characters: where the explanations begin, and where they end


class Flag(Protocol):
    """What is said of a flag; flags of absl are such."""

    name: str
    help: str | None
    default: object
    boolean: bool


class FlagValues(Protocol):
    """All flags of a process; absl's `FLAGS` is such."""

    def __call__(self, argv: Sequence[str]) -> list[str]:
        """Parses the flags, and returns the other words."""
        ...

    def flags_by_module_dict(self) -> Mapping[str, Iterable[Flag]]:
        """Returns the flags by the module that defined them."""
        ...


def parse(
    values: FlagValues, argv: Sequence[str], doc: str | None, own: Iterable[Flag], hint: str = ""
) -> None:
    """Parses the flags of a command that takes nothing else; answers and leaves if asked for help.

    Args:
      values: where the flags are defined, and get their values.
      argv: the words of the command line, the program first.
      doc: says what the command does.
      own: the command's flags, without those of libraries.
      hint: a sentence for whoever gave a word that is no flag.

    Raises:
      UsageError: a word is no flag.
    """
    words = _words(values, argv, doc, own)
    if words:
        raise exits.UsageError(f"Flags begin with --. Received: {' '.join(words)}. {hint}".strip())


def parse_directory(
    values: FlagValues, argv: Sequence[str], doc: str | None, own: Iterable[Flag], example: str
) -> list[str]:
    """Parses the flags of a command that takes one directory; answers if asked for help.

    Args:
      values: as for `parse`.
      argv: the words of the command line, the program first.
      doc: says what the command does.
      own: the command's flags.
      example: a command line that is right.

    Returns:
      The program and the directory.

    Raises:
      UsageError: there is no directory, or more than one.
    """
    words = _words(values, argv, doc, own)
    if len(words) != 1:
        raise exits.UsageError(
            f"Name the directory of one dataset, as in: {example}. "
            f"Received: {' '.join(words) or 'none'}."
        )
    return [argv[0], *words]


def _words(
    values: FlagValues, argv: Sequence[str], doc: str | None, own: Iterable[Flag]
) -> list[str]:
    text = answer(argv, doc, own, values.flags_by_module_dict())
    if text:
        print(text, flush=True)
        sys.exit(exits.DONE)
    return values(argv)[1:]


def answer(
    words: Sequence[str],
    doc: str | None,
    flags: Iterable[Flag],
    by_module: Mapping[str, Iterable[Flag]],
) -> str | None:
    """Returns the help that a command's words ask for, or None where they ask for none.

    Args:
      words: of the command line.
      doc: says what the command does.
      flags: of the command.
      by_module: all flags, also those of libraries, for whoever asks for the full help.
    """
    if _FULL not in words and not _SHORT.intersection(words):
        return None
    own = list(flags)
    sections = [(doc or "").strip(), _list(own), _END]
    if _FULL in words:
        known = {flag.name for flag in own}
        for module, foreign in sorted(by_module.items()):
            others = [flag for flag in foreign if flag.name not in known]
            if others:
                sections.append(f"Of {module}:\n{_list(others)}")
    return "\n\n".join(sections)


def _list(flags: Iterable[Flag]) -> str:
    return "\n".join(_entry(flag) for flag in flags)


def _entry(flag: Flag) -> str:
    explanation = flag.help or ""
    if flag.boolean:
        name = f"  --[no]{flag.name}"
        explanation += " Default: on." if flag.default else ""
    else:
        name = f"  --{flag.name}={'...' if flag.default is None else flag.default}"
    lines = textwrap.wrap(explanation, _WIDTH - _COLUMN)
    if len(name) < _COLUMN - 1 and lines:
        name = name.ljust(_COLUMN) + lines.pop(0)
    return "\n".join([name, *(" " * _COLUMN + line for line in lines)])
