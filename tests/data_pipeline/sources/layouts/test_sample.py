import pytest

from data_pipeline.sources.layouts.options import SourceOptions
from data_pipeline.sources.layouts.sample import sample
from tfrecords import exits


def test_the_sample_needs_none(tmp_path):
    with pytest.raises(exits.UsageError, match="paints its own images"):
        sample(tmp_path, SourceOptions())


def test_the_sample_has_two_targets_and_every_picture_is_of_its_own_group():
    listing = sample(None, SourceOptions())
    assert len(listing.references) == 2400
    assert listing.targets["label"].class_names == ("real", "fake")
    assert listing.targets["content"].class_names == ("animals", "human_faces", "vehicles")
    first = listing.references[0]
    assert first.image_id == "fake/animals/00003.jpg"
    assert first.targets == {"label": 1, "content": 0}
    assert len({reference.group_id for reference in listing.references}) == 2400
