"""The page of a build, and that it is written again from the dataset alone."""

import html.parser
import json
import re

import numpy as np
import pytest
from PIL import Image

from data_pipeline import explore, pipeline
from data_pipeline.config import BuildConfig
from data_pipeline.reporting import report
from tests.data_pipeline import painted
from tfrecords import exits, manifest

_VOID = {"meta", "img", "br", "link", "hr", "input"}


class _Page(html.parser.HTMLParser):
    """Notes what a page refers to, and tags that are not closed where they should be."""

    def __init__(self, text):
        super().__init__()
        self.addresses, self.headings, self.problems = [], [], []
        self._open = []
        self.feed(text)
        self.problems += self._open

    def handle_starttag(self, tag, attributes):
        self.addresses += [
            value for name, value in attributes if name in ("src", "href", "xlink:href", "srcset")
        ]
        if tag == "h2":
            self.headings.append("")
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if not self._open or self._open.pop() != tag:
            self.problems.append(f"/{tag}")

    def handle_data(self, data):
        if self._open and self._open[-1] == "h2":
            self.headings[-1] += data


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A dataset with copies, look-alikes, rejects with odd names, and a format that tells."""
    root = tmp_path_factory.mktemp("report")
    painted.shortcut(root / "source", 120)
    real = root / "source" / "real"
    (real / "copy.png").write_bytes((real / "000.png").read_bytes())
    with Image.open(real / "002.png") as image:
        image.resize((96, 96)).save(real / "larger.png")
    (real / "<script>alert(1)<b>.png").write_bytes(b"")
    (root / "source" / "fake" / "both.png").write_bytes((real / "004.png").read_bytes())
    for index in range(7):
        (real / f"empty{index}.png").write_bytes(b"")
    config = BuildConfig(
        dataset="tiny",
        layout="image_folder",
        source=str(root / "source"),
        data_dir=str(root / "data"),
        max_reject_fraction=0.5,
    )
    return pipeline.build_dataset(config).directory


def test_the_page_is_well_formed_and_needs_no_network(built):
    text = (built / "report.html").read_text()
    page = _Page(text)
    assert page.problems == []
    assert page.headings == [
        "Examples",
        "Can the format tell the class?",
        "The source files",
        "Pictures that look alike",
        "Rejected files",
        "How it was built",
    ]
    assert len(page.addresses) > 50
    assert all(address.startswith(("#", "data:image/jpeg;base64,")) for address in page.addresses)
    assert not re.search(r"@import|url\((?!#)|<script|<link", text)


def test_the_page_names_what_gives_the_label_away(built):
    text = (built / "report.html").read_text()
    assert "label can be told, most of all by JPEG quality." in text
    assert "AUC of 1.00 (1.00 to 1.00)" in text
    assert "--equalize encodes all images alike." in text


def test_rejects_are_shown_by_reason_with_some_examples(built):
    text = (built / "report.html").read_text()
    assert "&lt;script&gt;alert(1)" in text
    assert '<td class="name">empty_file</td><td class="number">8</td>' in text
    assert text.count("0 bytes") == 5


def test_rejects_that_can_be_opened_are_shown_as_pictures(built):
    text = (built / "report.html").read_text()
    _, rows = text.split('<h2 id="rejects">')
    pictures = re.findall(
        r'<div class="reject">(<img src="data:image/jpeg[^>]*>)?<span><code>([^<]*)</code>', rows
    )
    shown = {image_id for picture, image_id in pictures if picture}
    assert shown == {"fake/both.png", "real/004.png"}
    assert len(pictures) == 7
    numbers = json.loads((built / "statistics.json").read_text())
    assert numbers["reject_pictures"] == {"label_conflict": ["fake/both.png", "real/004.png"]}


def test_look_alikes_are_shown(built):
    numbers = json.loads((built / "statistics.json").read_text())
    shown = [[picture["image_id"] for picture in g["pictures"]] for g in numbers["look_alikes"]]
    assert ["real/002.png", "real/larger.png"] in shown
    assert "real/larger.png" in (built / "report.html").read_text()


def test_each_picture_is_a_file_that_shows_something(built):
    names = {path.name for path in (built / "pictures").iterdir()}
    assert names >= {
        "audit-label.png",
        "brightness-label.png",
        "classes-label.png",
        "colours-label.png",
        "formats-label.png",
        "look-alikes-1.png",
        "pixels-label.png",
        "quality-label.png",
        "rejects-label_conflict.png",
        "samples-label-0.png",
        "samples-label-1.png",
        "sizes-label.png",
    }
    for name in names:
        pixels = np.asarray(Image.open(built / "pictures" / name).convert("RGB"))
        assert pixels.std() > 10, name


def test_the_report_is_written_again_from_the_dataset_alone(built, capsys):
    before = (built / "report.html").read_bytes()
    pictures = {path.name: path.read_bytes() for path in (built / "pictures").iterdir()}
    (built / "report.html").unlink()
    for path in (built / "pictures").glob("s*.png"):
        path.unlink()
    explore.main(["explore", str(built)])
    assert capsys.readouterr().out == f"Report: {built / 'report.html'}\n"
    assert (built / "report.html").read_bytes() == before
    assert {path.name: path.read_bytes() for path in (built / "pictures").iterdir()} == pictures


def test_statistics_of_an_older_version_give_a_message(built, tmp_path):
    (tmp_path / "statistics.json").write_text("{}")
    (tmp_path / "rejects.jsonl").write_text("")
    with pytest.raises(exits.DataError, match="lacks what the report needs: .*--overwrite"):
        report.write(tmp_path, manifest.read(built))


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ([], exits.UsageError, "Name the directory of one dataset, as in: .* Received: none"),
        (["a", "b"], exits.UsageError, "Received: a b"),
        (["/no/such"], exits.DataError, "There is no directory /no/such"),
    ],
)
def test_a_mistake_gives_one_message(words, error, message):
    with pytest.raises(error, match=message):
        explore.main(explore.parse_flags(["explore", *words]))
