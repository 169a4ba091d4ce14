import io

import numpy as np
from PIL import Image

from data_pipeline.reporting import sheets
from tests import tiny


def _mean(jpeg):
    return float(np.asarray(Image.open(io.BytesIO(jpeg))).mean())


def test_a_sheet_has_a_cell_for_each_picture():
    rows = [[tiny.jpeg(20), tiny.jpeg(120)], [], [tiny.jpeg(220)] * 9]
    pixels = np.asarray(Image.open(io.BytesIO(sheets.sheet(rows))))
    assert pixels.shape == (3 * 164 - 4, 8 * 164 - 4, 3)
    cells = [
        [pixels[y : y + 160, x : x + 160].mean() for x in (0, 164, 328)] for y in (0, 164, 328)
    ]
    assert np.abs(np.array(cells) - [[20, 120, 255], [255, 255, 255], [220] * 3]).max() < 3


def test_the_cells_of_a_sheet_can_be_read_again(tmp_path):
    (tmp_path / "a.png").write_bytes(sheets.sheet([[tiny.jpeg(20), tiny.jpeg(120)]]))
    cells = sheets.read(tmp_path / "a.png", 2)
    assert [round(_mean(cell) / 10) for cell in cells] == [2, 12]
    assert Image.open(io.BytesIO(cells[0])).size == (160, 160)


def test_a_sheet_that_is_gone_has_no_cells(tmp_path):
    assert sheets.read(tmp_path / "a.png", 2) == []
    (tmp_path / "a.png").write_text("no picture")
    assert sheets.read(tmp_path / "a.png", 2) == []
