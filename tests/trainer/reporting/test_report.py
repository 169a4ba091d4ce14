import base64
import copy
import dataclasses
import html.parser
import io

import numpy as np
import pytest
from PIL import Image

from trainer import config as configs
from trainer.reporting import report

EVIL = "<script>alert('x')</script><img src=x onerror=\"y\">&amp;"
VOID = {"meta", "img"}
SUMMARY = {
    "alarms": [],
    "steps": 1234,
    "best_step": 1200,
    "replicas": 2,
    "seconds": 125.6,
    "parameters": {"total": 98289, "trainable": 97809},
    "weights_sha256": "ab" * 32,
    "peak_memory_mb": 1500.2,
    "test": {
        "examples": 5000,
        "groups": 1250,
        "accuracy": 0.9123,
        "accuracy_interval": [0.904, 0.92],
        "balanced_accuracy": 0.9,
        "auc": 0.95,
        "auc_interval": [0.94, 0.96],
        "precision": 0.8,
        "recall": 0.7,
        "f1": 0.75,
    },
}


class _Page(html.parser.HTMLParser):
    """The tags, attributes and text of a page whose tags must be balanced."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def write(tmp_path):
    def writing(summary=SUMMARY, names=("real", "fake"), positive="fake", pictures=(), **fields):
        content = {
            "summary": summary,
            "config": dataclasses.asdict(configs.TrainConfig(**fields)),
            "class_names": names,
            "positive": positive,
        }
        painted = {
            name: np.full((3, 4, 3), 10 * index, np.uint8)
            for index, name in enumerate(
                ("curves", "confusion_matrix", "augmented_batch", *pictures), start=1
            )
        }
        report.write(tmp_path, content, painted)
        return (tmp_path / "report.html").read_text(encoding="utf-8")

    return writing


def test_the_page_says_the_numbers(write):
    text = _Page(write(dataset="faces")).text
    assert "cnn on faces" in text
    assert "Learns label: real, fake; the positive class is fake" in text
    assert "5,000 examples" in text
    assert "91.2 %" in text
    assert "1,234" in text
    assert "2:05" in text
    assert "0.904 to 0.920" in text
    assert "over the 1,250 groups of the test split" in text
    assert "98,289, of which 97,809 trained" in text
    assert "The labels were shuffled" not in text


def test_names_are_text_and_never_markup(write):
    plain = _Page(write())
    page = _Page(write(dataset=EVIL, data_dir=EVIL, target=EVIL, names=(EVIL, "b"), positive=EVIL))
    assert page.tags == plain.tags
    assert "script" not in page.tags
    assert page.text.count(EVIL) >= 5


def test_the_page_needs_no_network_and_no_other_file(write):
    text = write(pictures=["worst_mistakes"])
    assert "http://" not in text
    assert "https://" not in text
    page = _Page(text)
    sources = [value for name, value in page.attributes if name in ("src", "href")]
    assert len(sources) == 4
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "@import" not in text
    assert "url(" not in text
    assert "link" not in page.tags


def test_each_picture_is_in_the_page_and_a_file_beside_it(write, tmp_path):
    page = _Page(write())
    sources = [value for name, value in page.attributes if name == "src"]
    inside = [base64.b64decode(source.split(",", 1)[1]) for source in sources]
    files = {path.name: path.read_bytes() for path in (tmp_path / "pictures").iterdir()}
    assert sorted(files) == ["augmented_batch.png", "confusion_matrix.png", "curves.png"]
    assert sorted(inside) == sorted(files.values())
    with Image.open(io.BytesIO(files["confusion_matrix.png"])) as picture:
        assert picture.size == (4, 3)
        assert picture.getpixel((0, 0)) == (20, 20, 20)


def test_without_mistakes_there_is_no_such_heading(write):
    assert "Worst mistakes" not in write()
    assert "Worst mistakes" in write(pictures=["worst_mistakes"])


def test_a_metric_that_is_not_defined_is_said_to_be_so(write):
    summary = copy.deepcopy(SUMMARY)
    summary["test"].update(auc=None, auc_interval=None)
    text = _Page(write(summary)).text
    assert "\N{EN DASH}test ROC AUC" in text
    assert "ROC AUCnot defined" in text


def test_alarms_are_shown_before_the_numbers(write):
    alarm = {"step": SUMMARY["best_step"], "text": "the accuracy was 0.5 in 3 epochs"}
    text = _Page(write(summary={**SUMMARY, "alarms": [alarm]})).text
    assert text.index("The accuracy was 0.5 in 3 epochs.") < text.index("test accuracy")
    assert "Alarms" not in _Page(write()).text


def test_alarms_that_were_overcome_are_a_note_below_the_curves(write):
    alarm = {"step": SUMMARY["best_step"] - 1, "text": "one class was predicted"}
    text = _Page(write(summary={**SUMMARY, "alarms": [alarm]})).text
    assert "Alarms" not in text
    assert text.index("test accuracy") < text.index(
        "An earlier alarm was overcome: one class was predicted."
    )


def test_three_classes_have_no_positive_one(write):
    text = _Page(write(names=("a", "b", "c"), positive=None)).text
    assert "Learns label: a, b, c. Tested" in text
    assert "means over the classes" in text
    assert "positive class" not in text


def test_shuffled_labels_are_owned_up_to(write):
    assert "The labels were shuffled" in _Page(write(shuffle_labels=True)).text
