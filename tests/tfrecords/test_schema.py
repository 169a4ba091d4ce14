import hypothesis
import pytest
from hypothesis import strategies as st

from tfrecords import example, schema


def test_a_record_holds_exactly_these_features():
    record = schema.Record(
        image=b"jpeg",
        targets={"label": 1, "content": 2},
        image_id="fake/a.jpg",
        group_id="a",
        height=3,
        width=4,
        attributes={"source": "web"},
    )
    assert example.decode(record.serialize()) == {
        "content": [2],
        "group_id": [b"a"],
        "height": [3],
        "image": [b"jpeg"],
        "image_id": [b"fake/a.jpg"],
        "label": [1],
        "source": [b"web"],
        "width": [4],
    }


def test_a_file_name_that_is_not_utf8_keeps_its_bytes():
    record = schema.Record(b"", {"label": 0}, "caf\udce9.jpg", "g", 1, 1, {"name": "caf\udce9"})
    features = example.decode(record.serialize())
    assert features["image_id"] == [b"caf\xe9.jpg"]
    assert features["name"] == [b"caf\xe9"]


@hypothesis.given(
    image=st.binary(max_size=30),
    label=st.integers(min_value=0, max_value=1 << 40),
    name=st.binary(min_size=1, max_size=20),
    text=st.text(max_size=20),
)
def test_a_record_is_read_as_it_was_written(image, label, name, text):
    image_id = name.decode(errors="surrogateescape")
    record = schema.Record(image, {"label": label}, image_id, "g", 3, 4, {"source": text})
    assert schema.Record.parse(record.serialize(), ["label"], ["source"]) == record


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"width": []}, "its width is not one int"),
        ({"label": [0, 1]}, "its label is not one int"),
        ({"image": 5}, "its image is not one bytes"),
        ({"more": 5}, "it has the features group_id, height, image, image_id, label, more, width"),
    ],
)
def test_a_record_of_other_features_is_refused(changes, problem):
    written = schema.Record(b"", {"label": 0}, "a", "g", 3, 4).serialize()
    changed = example.encode({**example.decode(written), **changes})
    with pytest.raises(ValueError, match=problem):
        schema.Record.parse(changed, ["label"], [])
