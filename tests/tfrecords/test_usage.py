import types

import pytest

from tfrecords import usage


def _flag(name, text, default, boolean=False):
    return types.SimpleNamespace(name=name, help=text, default=default, boolean=boolean)


OWN = [
    _flag("size", "The size in pixels.", 8),
    _flag("a_name_that_takes_all_the_room", "Long.", None),
    _flag("dry", "Do nothing.", False, boolean=True),
    _flag("exact", "Count twice.", True, boolean=True),
]
FOREIGN = _flag("verbosity", None, -1)
TEXT = """\
Does something.

  --size=8                   The size in pixels.
  --a_name_that_takes_all_the_room=...
                             Long.
  --[no]dry                  Do nothing.
  --[no]exact                Count twice. Default: on.

--flagfile=FILE takes flags from a file. --helpfull shows the flags of libraries too."""


def _answer(*words):
    by_module = {"own": OWN, "library": [FOREIGN]}
    return usage.answer(words, "Does something.\n", OWN, by_module)


@pytest.mark.parametrize("word", ["--help", "-h", "-?", "--helpshort"])
def test_help_lists_the_flags_of_the_command_with_their_defaults(word):
    assert _answer("--size=3", word) == TEXT


def test_full_help_adds_the_flags_of_libraries():
    assert _answer("--helpfull") == f"{TEXT}\n\nOf library:\n  --verbosity=-1"


def test_where_no_help_is_asked_for_there_is_none():
    assert _answer("--size=3", "help") is None


def test_no_line_is_wider_than_a_terminal_of_100_characters():
    text = usage.answer(["-h"], "", [_flag("wide", "word " * 99, 1)], {})
    assert max(map(len, text.splitlines())) <= 100
