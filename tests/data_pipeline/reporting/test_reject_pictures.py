import pytest

from data_pipeline.references import Facts, Listing, Reference, Reject
from data_pipeline.reporting import reject_pictures, sheets
from data_pipeline.sketches import Sketches
from data_pipeline.sources.locations import File
from data_pipeline.survey import Survey
from tests.data_pipeline import painted


@pytest.fixture
def survey(tmp_path):
    scanned = []
    for index in range(8):
        path = tmp_path / f"{index}.jpg"
        path.write_bytes(painted.jpeg(index))
        location = File(str(path), path.stat().st_size, path.stat().st_mtime_ns)
        reference = Reference(f"real/{index}.jpg", location, {"label": 0}, str(index))
        scanned.append((reference, Facts(str(index), 1, "JPEG", "RGB", 24, 16)))
    listing = Listing(tuple(reference for reference, _ in scanned), (), {})
    return Survey(listing, tuple(scanned), (), Sketches(tmp_path))


def test_the_first_of_each_reason_are_shown(survey, tmp_path):
    rejects = [Reject(f"real/{index}.jpg", "leak", "") for index in (7, 6, 5, 4, 3, 2)]
    rejects.append(Reject("real/0.jpg", "label_conflict", ""))
    assert reject_pictures.write(tmp_path, survey, rejects) == {
        "label_conflict": ["real/0.jpg"],
        "leak": [f"real/{index}.jpg" for index in (2, 3, 4, 5, 6)],
    }
    assert len(set(sheets.read(tmp_path / "rejects-leak.png", 5))) == 5


def test_a_file_that_is_gone_or_was_damaged_since_is_not_shown(survey, tmp_path):
    (tmp_path / "1.jpg").unlink()
    (tmp_path / "2.jpg").write_bytes(b"")
    rejects = [Reject(f"real/{index}.jpg", "leak", "") for index in (1, 2, 3)]
    assert reject_pictures.write(tmp_path, survey, rejects) == {"leak": ["real/3.jpg"]}
    assert reject_pictures.write(tmp_path, survey, rejects[:2]) == {}
    assert reject_pictures.write(tmp_path, survey, []) == {}
