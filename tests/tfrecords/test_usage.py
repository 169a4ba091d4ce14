import re
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


IN_SECTIONS = """\
Does something.

  --size=8                   The size in pixels.

How:
  --[no]exact                Count twice. Default: on.
  --[no]dry                  Do nothing.

Further:
  --a_name_that_takes_all_the_room=...
                             Long.

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


def test_help_lists_flags_under_the_titles_of_their_sections(values, capsys):
    titles = {"How": ["exact", "dry"], "Further": ["a_name_that_takes_all_the_room"]}
    with pytest.raises(SystemExit):
        usage.parse(values, ["command", "--help"], "Does something.\n", titles=titles)
    assert capsys.readouterr() == (IN_SECTIONS, "")


def test_flags_get_their_values_from_the_line_and_from_files(values, tmp_path):
    (tmp_path / "some.flags").write_text("# a comment\n--dry\n")
    words = ["command", "--size=3", f"--flagfile={tmp_path / 'some.flags'}"]
    assert usage.parse(values, words, None) == ["command"]
    assert (values["size"].value, values["dry"].value) == (3, True)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("--size=big", "--size=big: it must be a whole number."),
        ("--share=half", "--share=half: it must be a number."),
        ("--dry=maybe", "--dry=maybe: it must be true or false."),
    ],
)
def test_a_value_of_another_kind_is_refused_in_plain_words(values, word, told):
    flags.DEFINE_float("share", 0.5, "", flag_values=values)
    with pytest.raises(flags.Error, match=f"{told}$"):
        usage.parse(values, ["command", word], None)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("--sise=3", "There is no flag --sise. Did you mean --size? Flags look so."),
        ("--name=3", "There is no flag --name. Did you mean --a_name_that_takes_all_the_room? F"),
        ("--quite_another", "There is no flag --quite_another. Flags look so."),
    ],
)
def test_a_flag_that_there_is_not_is_told_with_the_nearest_and_the_hint(values, word, told):
    with pytest.raises(exits.UsageError, match=re.escape(told)):
        usage.parse(values, ["command", word], None, "Flags look so.")


def test_a_flag_file_that_cannot_be_read_is_named(values, tmp_path):
    with pytest.raises(exits.UsageError, match="--flagfile=nowhere cannot be read: No such file"):
        usage.parse(values, ["command", "--flagfile=nowhere"], None)
    (tmp_path / "picture.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(exits.UsageError, match="--flagfile must be a file of text"):
        usage.parse(values, ["command", f"--flagfile={tmp_path / 'picture.jpg'}"], None)


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


@pytest.mark.parametrize(("columns", "width"), [(200, 100), (100, 100), (72, 72), (20, 60)])
def test_explanations_are_broken_to_the_width_of_the_terminal(columns, width):
    wide = types.SimpleNamespace(name="wide", help="word " * 99, default=1, boolean=False)
    longest = max(map(len, usage.text([wide], "", columns).splitlines()))
    assert width - len(" word") < longest <= width


def test_the_help_of_a_command_without_flags_is_what_it_does():
    assert usage.text([], "Does something.\n") == "Does something."
