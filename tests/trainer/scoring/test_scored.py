import dataclasses

import numpy as np
import pytest

from tfrecords import exits
from trainer.scoring import scored

EXAMPLES = scored.Scored(
    image_ids=("a.jpg", 'b,"c"\n.jpg', "fake/\udcff.jpg"),
    group_ids=("a.jpg", "a.jpg", "person 3"),
    labels=np.array([0, 1, 1]),
    chances=np.array([[0.9, 0.1], [1 / 3, 2 / 3], [0.8, 0.2]]),
    class_names=("real", "fake"),
    positive=1,
)


def test_the_file_holds_a_line_for_each_example(tmp_path):
    EXAMPLES.write(tmp_path / "predictions.csv")
    assert (tmp_path / "predictions.csv").read_bytes() == (
        b"image_id,group_id,label,probability_real,probability_fake\n"
        b"a.jpg,a.jpg,real,0.9,0.1\n"
        b'"b,""c""\n.jpg",a.jpg,fake,0.3333333333333333,0.6666666666666666\n'
        b"fake/\xff.jpg,person 3,fake,0.8,0.2\n"
    )


def test_what_was_written_is_read_to_the_last_bit(tmp_path):
    EXAMPLES.write(tmp_path / "predictions.csv")
    found = scored.Scored.read(tmp_path / "predictions.csv", positive=1)
    assert found.chances.tolist() == EXAMPLES.chances.tolist()
    assert found.labels.tolist() == [0, 1, 1]
    assert (found.image_ids, found.group_ids) == (EXAMPLES.image_ids, EXAMPLES.group_ids)
    assert found.class_names == ("real", "fake")
    assert [path.name for path in tmp_path.iterdir()] == ["predictions.csv"]


def test_each_metric_has_an_interval():
    found = EXAMPLES.evaluate()
    assert (found["examples"], found["groups"]) == (3, 2)
    for name in ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "auc"):
        low, high = found[f"{name}_interval"]
        assert low <= found[name] <= high


def test_the_hash_is_of_examples_and_labels_and_not_of_what_is_predicted():
    others = dataclasses.replace(EXAMPLES, chances=EXAMPLES.chances[::-1])
    assert EXAMPLES.sha256() == others.sha256()
    assert EXAMPLES.sha256() != dataclasses.replace(EXAMPLES, labels=np.array([0, 1, 0])).sha256()
    renamed = dataclasses.replace(EXAMPLES, image_ids=("a.jpg", "b", "c"))
    assert EXAMPLES.sha256() != renamed.sha256()


@pytest.mark.parametrize(
    "text", ["", "image_id,group_id,label,probability_real\n", "a\nb\n", "a,b,c,d\n1,2,3\n"]
)
def test_a_file_that_is_damaged_is_named(tmp_path, text):
    path = tmp_path / "predictions.csv"
    path.write_text(text)
    with pytest.raises(exits.DataError, match=r"predictions\.csv cannot be read"):
        scored.Scored.read(path, positive=1)
