import io
import xml.etree.ElementTree

import numpy as np
import pytest
from PIL import Image

from data_pipeline.references import Facts
from data_pipeline.reporting import charts, exploration
from tests import tiny
from tfrecords import manifest

# What matplotlib would take for a formula, and HTML for a tag.
ODD = ("$x^2$ & <b>", "_fake")


def _charts(tmp_path, class_names=ODD, **changes):
    content = manifest.read(tiny.write(tmp_path, class_names=class_names))
    files = {"quality": 80, "subsampling": "4:2:0", "grey": 100.0, **changes}
    facts = [Facts("h", 10, "JPEG", "RGB", side, 60, **files) for side in (40, 50)]
    found = exploration.of_files(facts, lambda: np.empty((0, 4, 16), np.uint16))
    numbers = {"classes": {"label": dict.fromkeys(class_names, found)}}
    return charts.of_target("label", content.targets["label"], content, numbers)


def _is_drawn(png):
    """Tells whether a PNG has the colour of the first class."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    return (np.abs(pixels - (0x2F, 0x81, 0xE0)).sum(axis=2) < 30).sum() > 20


def test_each_chart_is_drawn_for_the_page_and_for_a_file(tmp_path):
    drawn = _charts(tmp_path)
    assert [chart.name for chart in drawn] == [
        "classes-label",
        "sizes-label",
        "formats-label",
        "quality-label",
        "brightness-label",
        "pixels-label",
        "colours-label",
    ]
    for chart in drawn:
        svg = chart.svg()
        root = xml.etree.ElementTree.fromstring(svg)  # noqa: S314
        assert (root.get("aria-label"), root.get("width")) == (chart.title, None)
        assert "var(--quiet)" in svg
        assert "#667085" not in svg
        assert svg == chart.svg()
        if chart.name not in ("pixels-label", "colours-label"):  # nothing is known of the pixels
            assert _is_drawn(chart.png()), chart.name


def test_class_names_are_shown_as_they_are(tmp_path):
    svg = _charts(tmp_path)[0].svg()
    assert "$x^2$ &amp; &lt;b&gt;" in svg
    assert "_fake" in svg


def test_names_that_are_long_or_of_letters_that_a_font_lacks_are_drawn(tmp_path):
    names = ("真实", "a class whose name has so many letters that no chart is wide enough for it")
    for chart in _charts(tmp_path, names):
        assert "真实" in chart.svg()
        assert "a class whose name has so many le…" in chart.svg()
        assert chart.png()


def test_rare_formats_share_a_row_and_modes_are_called_by_plain_names(tmp_path):
    files = {"subsampling": None, "grey": 100.0}
    kinds = (*4 * ["PNG", "BMP", "TIFF", "GIF"], "WEBP", "ICO")
    facts = [Facts("h", 10, kind, "P", 40, 60, **files) for kind in kinds]
    found = exploration.of_files(facts, lambda: np.empty((0, 4, 16), np.uint16))
    content = manifest.read(tiny.write(tmp_path))
    numbers = {"classes": {"label": dict.fromkeys(("real", "fake"), found)}}
    drawn = charts.of_target("label", content.targets["label"], content, numbers)
    (svg,) = [chart.svg() for chart in drawn if chart.name == "formats-label"]
    assert all(f">{row}</text>" in svg for row in ("PNG", "GIF", "other formats", "palette"))
    assert svg.count(">22.2 %</text>") == 8
    assert svg.count(">11.1 %</text>") == 2
    assert not any(f">{row}</text>" in svg for row in ("WEBP", "ICO", "P", "other modes"))


def test_without_jpegs_there_is_no_quality(tmp_path):
    assert "quality-label" not in [chart.name for chart in _charts(tmp_path, quality=None)]


def test_of_many_classes_some_are_shown(tmp_path):
    drawn = _charts(tmp_path, tuple("abcdefgh"))
    assert drawn[1].caption.endswith("The first 6 classes; 2 more are in statistics.json.")
    assert drawn[1].svg()


def _found(auc):
    interval = None if auc is None else (auc - 0.1, auc + 0.1)
    by_fact = {} if auc is None else {"format": auc, "EXIF": 0.5}
    return {"auc": auc, "interval": interval, "by_fact": by_fact, "class_name": "fake"}


@pytest.mark.parametrize("auc", [0.1, 0.5, 0.9])
def test_an_audit_is_drawn_with_all_its_facts(auc):
    chart = charts.of_audit("label", {"source": _found(auc), "dataset": _found(0.5)})
    svg = chart.svg()
    assert all(text in svg for text in ("all together", "format", "EXIF", "source files"))
    assert _is_drawn(chart.png())


def test_an_audit_that_says_nothing_is_not_drawn():
    assert charts.of_audit("label", {"source": _found(None), "dataset": _found(None)}) is None
