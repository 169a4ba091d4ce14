import pytest

from data_pipeline.images.image_policy import JpegSettings
from data_pipeline.planning import equalize
from data_pipeline.references import Facts


def _facts(quality=None, subsampling="", kind="JPEG", side=100):
    return Facts("h", 1, kind, "RGB", side, side, quality=quality, subsampling=subsampling)


_PNG = _facts(kind="PNG")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([_PNG], JpegSettings(95, 0)),
        ([_PNG, _facts(75, "4:2:0")], JpegSettings(75, 2)),
        ([_facts(99, "4:4:4"), _facts(98, "4:4:4")], JpegSettings(95, 0)),
        ([_facts(20, "4:4:4"), _PNG], JpegSettings(50, 0)),
        ([_facts(90, "grey"), _PNG], JpegSettings(90, 0)),
        ([_facts(kind="WEBP"), _PNG], JpegSettings(95, 2)),
    ],
)
def test_all_are_encoded_like_the_coarse_ones(facts, expected):
    assert equalize.settings(facts, 100) == expected


def test_a_few_bad_files_do_not_set_the_measure():
    good = [_facts(90, "4:4:4")] * 96
    assert equalize.settings([*good, *[_facts(60, "4:2:0")] * 4], 100) == JpegSettings(90, 0)
    assert equalize.settings([*good, *[_facts(60, "4:2:0")] * 8], 100) == JpegSettings(60, 2)


def test_what_is_scaled_down_by_two_does_not_count():
    facts = [_facts(60, "4:2:0", side=200), _facts(90, "4:4:4", side=199)]
    assert equalize.settings(facts, 100) == JpegSettings(90, 0)
