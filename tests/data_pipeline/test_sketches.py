import base64

import numpy as np
import pytest

from data_pipeline import sketches
from data_pipeline.sketches import Sketch, Sketches


def _text(values, kind):
    return base64.b64encode(np.array(values, kind).tobytes()).decode()


SKETCH = Sketch(_text(range(40), ">u8"), _text(range(64), ">u2"))


def test_a_row_holds_the_signature_and_the_histogram(tmp_path):
    kept = Sketches(tmp_path)
    assert kept.add(sketches.packed(Sketch("", _text([7] * 64, ">u2")))) == 0
    assert kept.add(sketches.packed(SKETCH)) == 1
    assert kept.signatures().tolist() == [
        np.zeros((8, 5)).tolist(),
        np.arange(40).reshape(8, 5).tolist(),
    ]
    assert kept.histograms().tolist() == [[[7] * 16] * 4, np.arange(64).reshape(4, 16).tolist()]


def test_rows_that_come_later_are_there_too(tmp_path):
    kept = Sketches(tmp_path)
    assert (len(kept.signatures()), len(kept.histograms())) == (0, 0)
    for number in range(1, 4):
        kept.add(sketches.packed(SKETCH))
        assert len(kept.signatures()) == number


def test_the_rows_outlive_their_file_and_leave_nothing_behind(tmp_path):
    kept = Sketches(tmp_path)
    kept.add(sketches.packed(SKETCH))
    histograms = kept.histograms()
    del kept
    assert histograms[0, 3, 15] == 63
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "sketch",
    [
        Sketch(SKETCH.signature, ""),
        Sketch(SKETCH.signature[:-4], SKETCH.histogram),
        Sketch(SKETCH.signature, _text(range(80), ">u2")),
    ],
)
def test_what_is_no_sketch_is_refused(sketch):
    with pytest.raises(ValueError):
        sketches.packed(sketch)
