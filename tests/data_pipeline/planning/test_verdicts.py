import pathlib

import pytest

from data_pipeline.planning import plan, verdicts
from data_pipeline.references import Facts, Listing, Reference, Reject
from data_pipeline.sources.locations import File
from data_pipeline.survey import Survey

OPTIONS = plan.Options("tiny", 0, (1.0, 0.0, 0.0), 256, records_per_shard=2)


def _survey(count):
    scanned = [
        (
            Reference(f"{index}.jpg", File(f"{index}.jpg", 1, 1), {"label": 0}, f"{index}.jpg"),
            Facts(f"hash{index}", 1, "JPEG", "RGB", 9, 9),
        )
        for index in range(count)
    ]
    return Survey(Listing(tuple(ref for ref, _ in scanned), (), {}), tuple(scanned), ())


def _make(survey):
    return plan.make(survey.scanned, OPTIONS)


def _names(planned):
    return [[ref.image_id for ref, _ in shard.items] for shard in planned.shards]


def _rejects(*names, reason="truncated"):
    return [Reject(name, reason, "detail") for name in names]


def test_the_plan_is_as_it_is_where_each_shard_keeps_a_file(tmp_path):
    survey = _survey(4)
    planned = _make(survey)
    assert _names(planned) == [["3.jpg", "0.jpg"], ["1.jpg", "2.jpg"]]
    kept = verdicts.Verdicts(tmp_path, 256)
    assert kept.add(planned, _rejects("3.jpg", "1.jpg"))
    assert kept.settle(survey, _make) == (survey, planned)


def test_a_plan_without_the_damaged_files_is_made_where_a_shard_would_lose_all(tmp_path):
    survey = _survey(4)
    verdicts.Verdicts(tmp_path, 256).add(_make(survey), _rejects("3.jpg", "0.jpg", "1.jpg"))
    settled, planned = verdicts.Verdicts(tmp_path, 256).settle(survey, _make)
    assert _names(planned) == [["2.jpg"]]
    assert settled.rejects == tuple(_rejects("3.jpg", "0.jpg", "1.jpg"))


def test_a_verdict_is_of_one_image_size_and_final(tmp_path):
    survey = _survey(2)
    kept = verdicts.Verdicts(tmp_path, 256)
    assert not kept.add(_make(survey), _rejects("0.jpg", "1.jpg", reason="unreadable"))
    assert kept.add(_make(survey), _rejects("0.jpg", "1.jpg"))
    assert not kept.add(_make(survey), _rejects("0.jpg", "1.jpg"))
    assert verdicts.Verdicts(tmp_path, 128).settle(survey, _make)[0] is survey


@pytest.mark.parametrize("text", ["", "[1]", "3", "{"])
def test_a_damaged_file_of_verdicts_says_nothing(tmp_path: pathlib.Path, text):
    (tmp_path / "verdicts-256.json").write_text(text)
    survey = _survey(2)
    assert verdicts.Verdicts(tmp_path, 256).settle(survey, _make)[0] is survey
