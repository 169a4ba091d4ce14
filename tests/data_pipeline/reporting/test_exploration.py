import numpy as np
from PIL import Image

from data_pipeline.images import colours
from data_pipeline.references import Facts, Reference
from data_pipeline.reporting import exploration
from data_pipeline.sources.locations import File
from tests import tiny


def _no_histograms():
    return np.empty((0, 4, 16), np.uint16)


def _facts(side, **changes):
    return Facts("h", 1, changes.pop("kind", "JPEG"), "RGB", side, side + 1, **changes)


def test_three_files_are_literally_this():
    black = [Image.new(mode, (2, 2)) for mode in ("RGB", "L")]
    histograms = colours.unpack(colours.of_thumbnail(*black).histogram)[None]
    found = exploration.of_files(
        [
            _facts(8, quality=75, subsampling="4:2:0", grey=0.0, sketch=0),
            _facts(8, quality=100, subsampling="4:2:0", grey=255.0, sketch=0),
            _facts(20_000, kind="PNG", grey=16.0),
        ],
        lambda: histograms,
    )
    assert found["images"] == 3
    assert found["formats"] == {"JPEG": 2, "PNG": 1}
    assert found["modes"] == {"RGB": 3}
    assert found["sizes"] == {"8 x 9": 2, "20000 x 20001": 1}
    assert found["subsamplings"] == {"4:2:0": 2}
    assert found["short_sides"] == [2, *[0] * 43, 1]
    assert {q + 1: n for q, n in enumerate(found["qualities"]) if n} == {75: 1, 100: 1}
    assert found["brightness"] == [1, 1, *[0] * 13, 1]
    assert found["values"] == {name: [8, *[0] * 15] for name in ("red", "green", "blue", "grey")}


def test_no_file_is_no_error():
    found = exploration.of_files([], _no_histograms)
    assert (found["images"], found["formats"], sum(found["qualities"])) == (0, {}, 0)


def test_files_are_counted_by_class():
    location = File("/x", 1, 1)
    scanned = [(Reference(str(i), location, {"label": i % 2}, "g"), _facts(9)) for i in range(5)]
    found = exploration.of_classes(scanned, {"label": tiny.LABEL}, _no_histograms)
    assert {name: files["images"] for name, files in found["label"].items()} == {
        "real": 3,
        "fake": 2,
    }


def test_what_is_rare_is_counted_together():
    values = [str(index) for index in range(14)] + ["3"]
    found = exploration.common(values)
    assert list(found)[:2] == ["3", "0"]
    assert (found["3"], found["others"], len(found)) == (2, 2, 13)
