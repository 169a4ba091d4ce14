"""How a command reads its flags, and what it says when it is asked for help."""

import contextlib
import difflib
import shutil
import sys
import textwrap
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from tfrecords import exits

_HELP = {"--help", "-help", "--helpfull", "--helpshort", "-h", "-?"}
_END = "--flagfile=FILE takes flags from a file."
_COLUMN, _WIDTH = 29, 100  # characters: where the explanations begin, and where they end at most
_NARROWEST = 60  # a terminal for which they are still broken
Titles = Mapping[str, Sequence[str]]  # of sections, with the names of their flags
_UNTITLED: Titles = types.MappingProxyType({})
_KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false"}


class Flag(Protocol):
    """What is said of a flag; flags of absl are such."""

    name: str
    help: str | None
    default: object
    boolean: bool
    parser: Any


class FlagValues(Protocol):
    """The flags of a command, by their names; `absl.flags.FlagValues` is such."""

    def __call__(self, argv: Sequence[str]) -> list[str]:
        """Parses the flags, and returns the program and the other words."""
        ...

    def __iter__(self) -> Iterator[str]:
        """Yields the names."""
        ...

    def __getitem__(self, name: str) -> Flag:
        """Returns a flag."""
        ...


def parse(
    values: FlagValues,
    argv: Sequence[str],
    doc: str | None,
    hint: str = "",
    *,
    titles: Titles = _UNTITLED,
) -> list[str]:
    """Parses the flags of a command that takes nothing else; answers and leaves if asked for help.

    Args:
      values: where the command's flags are defined, and get their values.
      argv: the words of the command line, the program first.
      doc: says what the command does.
      hint: a sentence for whoever gave a word that is no flag, or a flag that there is not.
      titles: of sections, with the names of the flags that stand under them in the help.

    Returns:
      The program.

    Raises:
      UsageError: a word is no flag of the command.
    """
    words = _words(values, argv, doc, hint, titles)
    if words:
        raise exits.UsageError(f"Flags begin with --. Received: {' '.join(words)}. {hint}".strip())
    return [argv[0]]


def parse_directory(
    values: FlagValues, argv: Sequence[str], doc: str | None, example: str
) -> list[str]:
    """Parses the flags of a command that takes one directory; answers if asked for help.

    Args:
      values: as for `parse`.
      argv: the words of the command line, the program first.
      doc: says what the command does.
      example: a command line that is right.

    Returns:
      The program and the directory.

    Raises:
      UsageError: there is no directory, or more than one.
    """
    words = _words(values, argv, doc)
    if len(words) != 1:
        raise exits.UsageError(
            f"Name the directory of one dataset, as in: {example}. "
            f"Received: {' '.join(words) or 'none'}."
        )
    return [argv[0], *words]


def parse_directories(
    values: FlagValues, argv: Sequence[str], doc: str | None, example: str
) -> list[str]:
    """Parses the flags of a command that takes directories; answers if asked for help.

    Args:
      values: as for `parse`.
      argv: the words of the command line, the program first.
      doc: says what the command does.
      example: a command line that is right.

    Returns:
      The program and the directories, at least one.

    Raises:
      UsageError: there is none.
    """
    words = _words(values, argv, doc)
    if not words:
        raise exits.UsageError(f"Name one directory or more, as in: {example}. Received: none.")
    return [argv[0], *words]


def asks_for_help(argv: Sequence[str]) -> bool:
    """Tells whether a word of the command line asks for help."""
    return not _HELP.isdisjoint(argv)


def _words(
    values: FlagValues,
    argv: Sequence[str],
    doc: str | None,
    hint: str = "",
    titles: Titles = _UNTITLED,
) -> list[str]:
    flags = [values[name] for name in values]
    if asks_for_help(argv):
        columns = shutil.get_terminal_size((_WIDTH, 0)).columns
        print(text(flags, doc, columns, titles), flush=True)
        sys.exit(exits.DONE)
    for flag in flags:
        flag.parser = _Parser(flag.parser)
    with _told_plainly([flag.name for flag in flags], hint):
        return values(argv)[1:]


class _Parser:
    """Reads the value of a flag as another parser does; says in plain words what it must be."""

    def __init__(self, parser: Any):
        self._parser = parser

    def parse(self, argument: object) -> Any:
        """Returns the value; raises a ValueError, which the flag tells with its name."""
        try:
            return self._parser.parse(argument)
        except (TypeError, ValueError) as error:
            kind = self._parser.flag_type()
            raise ValueError(f"it must be {_KINDS.get(kind, kind)}.") from error


@contextlib.contextmanager
def _told_plainly(names: Sequence[str], hint: str) -> Iterator[None]:
    """Says in plain words which flag there is not, or which flag file cannot be read, and why."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise exits.UsageError("--flagfile must be a file of text, a flag a line.") from error
    except Exception as error:
        unknown = getattr(error, "flagname", None)  # of absl's error for a flag that there is not
        if unknown is not None:
            raise exits.UsageError(
                " ".join(
                    filter(None, (f"There is no flag --{unknown}.", _like(unknown, names), hint))
                )
            ) from error
        cause = error.__context__
        if not isinstance(cause, OSError):
            raise
        raise exits.UsageError(
            f"--flagfile={cause.filename} cannot be read: {cause.strerror}."
        ) from error


def _like(unknown: str, names: Sequence[str]) -> str:
    """Returns a question for the flag whose name holds the unknown one, or is nearest to it."""
    longer = sorted((name for name in names if unknown in name), key=len)
    found = (longer or difflib.get_close_matches(unknown, names, 1))[:1]
    return f"Did you mean --{found[0]}?" if found else ""


def text(
    flags: Sequence[Flag], doc: str | None, columns: int = _WIDTH, titles: Titles = _UNTITLED
) -> str:
    """Returns the help of a command: what it does, and a line or more for each of its flags.

    Args:
      flags: of the command.
      doc: says what it does.
      columns: of the terminal, in characters.
      titles: of sections, with the names of their flags; flags of no section stand before them.
    """
    width = max(_NARROWEST, min(_WIDTH, columns))
    entries = {flag.name: _entry(flag, width) for flag in flags}
    of_sections = [
        "\n".join([f"{title}:", *(entries.pop(name) for name in names)])
        for title, names in titles.items()
    ]
    others = ["\n".join(entries.values())] if entries else []
    return "\n\n".join([(doc or "").strip(), *others, *of_sections, *([_END] if flags else [])])


def _entry(flag: Flag, width: int) -> str:
    explanation = flag.help or ""
    if flag.boolean:
        name = f"  --[no]{flag.name}"
        explanation += " Default: on." if flag.default else ""
    else:
        name = f"  --{flag.name}={'...' if flag.default is None else flag.default}"
    lines = textwrap.wrap(explanation, width - _COLUMN)
    if len(name) < _COLUMN - 1 and lines:
        name = name.ljust(_COLUMN) + lines.pop(0)
    return "\n".join([name, *(" " * _COLUMN + line for line in lines)])
