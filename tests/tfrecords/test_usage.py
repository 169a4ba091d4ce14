import types

import pytest
from absl import flags

from tfrecords import exits, usage

TEXT = """\
Does something.

  --size=8                   The size in pixels.
  --a_name_that_takes_all_the_room=...
                             Long.
  --[no]dry                  Do nothing.
  --[no]exact                Count twice. Default: on.

--flagfile=FILE takes flags from a file.
"""


@pytest.fixture
def values():
    defined = flags.FlagValues()
    flags.DEFINE_integer("size", 8, "The size in pixels.", flag_values=defined)
    flags.DEFINE_string("a_name_that_takes_all_the_room", None, "Long.", flag_values=defined)
    flags.DEFINE_bool("dry", False, "Do nothing.", flag_values=defined)
    flags.DEFINE_bool("exact", True, "Count twice.", flag_values=defined)
    return defined


@pytest.mark.parametrize("word", ["--help", "-h", "-?", "--helpshort", "--helpfull"])
def test_help_lists_the_flags_of_the_command_with_their_defaults(values, capsys, word):
    with pytest.raises(SystemExit) as left:
        usage.parse(values, ["command", "--size=3", word], "Does something.\n")
    assert left.value.code == 0
    assert capsys.readouterr() == (TEXT, "")


def test_flags_get_their_values_from_the_line_and_from_files(values, tmp_path):
    (tmp_path / "some.flags").write_text("# a comment\n--dry\n")
    words = ["command", "--size=3", f"--flagfile={tmp_path / 'some.flags'}"]
    assert usage.parse(values, words, None) == ["command"]
    assert (values["size"].value, values["dry"].value) == (3, True)


def test_a_word_that_is_no_flag_is_refused_with_the_hint(values):
    with pytest.raises(exits.UsageError, match="Received: 3 help. Flags look so."):
        usage.parse(values, ["command", "3", "help"], None, "Flags look so.")


def test_a_command_may_take_one_directory(values):
    words = usage.parse_directory(values, ["command", "--dry", "data"], None, "command data")
    assert words == ["command", "data"]
    for wrong in ([], ["a", "b"]):
        with pytest.raises(exits.UsageError, match="Name the directory of one dataset, as in: com"):
            usage.parse_directory(values, ["command", *wrong], None, "command data")


def test_a_command_may_take_directories(values):
    words = usage.parse_directories(values, ["command", "a", "b", "--dry"], None, "command a b")
    assert words == ["command", "a", "b"]
    with pytest.raises(exits.UsageError, match="Name one directory or more, as in: command a b"):
        usage.parse_directories(values, ["command", "--dry"], None, "command a b")


def test_no_line_is_wider_than_a_terminal_of_100_characters():
    wide = types.SimpleNamespace(name="wide", help="word " * 99, default=1, boolean=False)
    assert max(map(len, usage.text([wide], "").splitlines())) <= 100
