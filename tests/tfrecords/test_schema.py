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
