import csv
import html.parser
import io

import pytest
from PIL import Image
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from tests.trainer.comparing import painted_runs
from tfrecords import exits
from trainer.comparing import comparison
from trainer.comparing.comparison import CompareConfig


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Runs of two test sets, one that is not complete, and what is said of them."""
    directory = tmp_path_factory.mktemp("runs")
    painted_runs.write(directory / "weak", skill=0.5, seed=1, learning_rate=1e-4)
    painted_runs.write(directory / "good", skill=1.6)
    painted_runs.write(directory / "alike", skill=1.62, seed=2, model="forensic")
    painted_runs.write(directory / "other", skill=1.0, dataset="cifake", examples=100)
    painted_runs.write(directory / "begun", skill=1.0, is_complete=False)
    words = [str(path) for path in sorted(directory.iterdir())]
    return directory, words, comparison.compare(CompareConfig(), words)


def test_the_best_of_a_metric_comes_first(compared):
    lines = compared[2].splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("run  "))
    names = [line.split()[0] for line in lines[start + 1 : start + 4]]
    assert names in (["good", "alike", "weak"], ["alike", "good", "weak"])


def test_test_sets_are_kept_apart_with_a_word(compared):
    text = compared[2]
    assert text.startswith("They were tested on 2 test sets. Only numbers of the same test set")
    assert "faces 1.0.0, label, split test: 400 examples in 200 groups (plan 00000000" in text
    assert "cifake 1.0.0, label, split test: 100 examples in 50 groups (plan 00000000" in text


def test_what_is_not_compared_is_named(compared):
    text = compared[2]
    assert "Not compared:\n  begun is not complete: 50 steps, epoch 5 of phase train" in text


def test_the_flags_that_differ_are_told(compared):
    assert "run    learning_rate  model" not in compared[2]
    lines = compared[2].splitlines()
    assert any(line.split() == ["run", "model", "learning_rate"] for line in lines)
    assert any(line.split() == ["alike", "forensic", "0.001"] for line in lines)


def test_the_csv_has_numbers_and_marks(compared):
    text = (compared[0] / "comparison" / "comparison.csv").read_text()
    by_name = {row["run"]: row for row in csv.DictReader(io.StringIO(text))}
    assert by_name["good"]["auc_mark"] == by_name["alike"]["auc_mark"] == "~"
    assert by_name["weak"]["auc_mark"] == by_name["other"]["auc_mark"] == ""
    good = by_name["good"]
    assert float(good["auc_low"]) < float(good["auc"]) < float(good["auc_high"])
    assert good["images_per_second"] == "1234.5"
    assert by_name["begun"]["status"].startswith("is not complete")


class _Words(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.words, self.sources = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.sources += [value for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data):
        self.words.append(data)


def test_the_page_needs_no_other_file_and_says_the_same(compared):
    page = _Words((compared[0] / "comparison" / "comparison.html").read_text())
    text = " ".join("".join(page.words).split())
    assert "4 runs, side by side" in text
    assert "They were tested on 2 test sets." in text
    assert "begun is not complete" in text
    assert [source[:22] for source in page.sources] == ["data:image/png;base64,"]


def test_names_are_text_and_never_markup(tmp_path):
    painted_runs.write(tmp_path / "<script>x<", skill=1, model="<b>$x^")
    comparison.compare(CompareConfig(), [str(tmp_path / "<script>x<")])
    text = (tmp_path / "comparison" / "comparison.html").read_text()
    assert "<script" not in text
    assert "<b>$" not in text


def test_the_curves_of_all_runs_are_in_one_picture(compared):
    data = (compared[0] / "comparison" / "curves.png").read_bytes()
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.size[0] == 990
        assert len(picture.convert("RGB").getcolors(1 << 16)) > 50


def test_hparams_have_what_differs_and_the_metrics(compared):
    (folder,) = (compared[0] / "comparison" / "tensorboard").glob("faces_test_*")
    events = event_accumulator.EventAccumulator(str(folder / "weak"))
    events.Reload()
    assert "test/auc" in events.Tags()["tensors"]
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    start = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
    assert start.hparams["learning_rate"].number_value == 1e-4
    assert start.hparams["model"].string_value == "cnn"


def test_files_and_comparisons_of_before_are_passed_over(compared):
    directory, words, text = compared
    again = comparison.compare(
        CompareConfig(), [*words, str(directory / "comparison"), *words[:1], __file__]
    )
    assert again == text


def test_another_metric_sorts_on_demand(compared, tmp_path):
    config = CompareConfig(sort="recall", output_dir=str(tmp_path / "there"))
    text = comparison.compare(config, compared[1])
    assert next(line for line in text.splitlines() if line.startswith("run")).split()[1] == "recall"
    assert (tmp_path / "there" / "comparison.html").exists()


def test_runs_of_one_name_are_shown_by_their_paths(tmp_path):
    for folder in ("a", "b"):
        painted_runs.write(tmp_path / folder / "cnn", skill=1)
    words = [str(tmp_path / folder / "cnn") for folder in ("a", "b")]
    text = comparison.compare(CompareConfig(), words)
    assert all(f"\n{word}  " in text for word in words)


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        (["nowhere"], exits.UsageError, "There is no .*nowhere. Name directories of runs."),
        (["file"], exits.UsageError, "Name the directories of the runs to compare."),
        (["empty"], exits.DataError, "There is nothing to compare. Not compared:\n  empty is no"),
    ],
)
def test_where_nothing_can_be_compared_it_is_said(tmp_path, names, error, message):
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(error, match=message):
        comparison.compare(CompareConfig(), [str(tmp_path / name) for name in names])
    assert not (tmp_path / "comparison").exists()
