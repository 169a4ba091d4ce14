import numpy as np
import pytest
from tensorboard.compat.proto import summary_pb2
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import metadata, plugin_data_pb2
from tensorboard.util import tensor_util

from trainer.reporting import dashboards


def _value(serialized):
    (value,) = summary_pb2.Summary.FromString(serialized).value
    return value


def _hparams(serialized):
    content = _value(serialized).metadata.plugin_data.content
    return plugin_data_pb2.HParamsPluginData.FromString(content)


def test_the_charts_of_the_custom_page():
    array = tensor_util.make_ndarray(_value(dashboards.layout()).tensor)
    layout = layout_pb2.Layout.FromString(array.item())
    assert [category.title for category in layout.category] == [
        "What it has learnt",
        "How it learns",
        "What it takes",
    ]
    charts = {chart.title: chart for category in layout.category for chart in category.chart}
    assert list(charts["Norm of the update"].multiline.tag) == ["^update_norm$"]


def test_hyperparameters_are_those_of_one_run():
    start = dashboards.hyperparameters(
        "my_run", {"learning_rate": 0.1, "model": "cnn", "nesterov": True, "alpha": None}
    )
    assert _value(start).tag == metadata.SESSION_START_INFO_TAG
    values = _hparams(start).session_start_info
    assert values.group_name == "my_run"
    assert values.hparams["learning_rate"].number_value == 0.1
    assert values.hparams["model"].string_value == "cnn"
    assert values.hparams["nesterov"].bool_value
    assert "alpha" not in values.hparams


def test_the_end_of_a_run_is_a_success():
    assert _value(dashboards.end_of_run()).tag == metadata.SESSION_END_INFO_TAG


@pytest.mark.parametrize(
    ("class_names", "positive", "expected"),
    [(("real", "fake"), 1, ["fake"]), (("a", "b", "c"), 1, ["a", "b", "c"])],
)
def test_precision_and_recall_of_classes(class_names, positive, expected):
    labels = np.array([0, 1, 1, 0])
    chances = np.full((4, len(class_names)), 0.1)
    chances[:, 1] = [0.2, 0.8, 0.9, 0.6]
    found = dashboards.precision_recall_of_classes(class_names, labels, chances, positive)
    assert [_value(curve).tag for curve in found] == [f"{name}/pr_curves" for name in expected]
    table = tensor_util.make_ndarray(_value(found[expected.index(class_names[1])]).tensor)
    # Rows: true positives, false positives, true negatives, false negatives, precision, recall.
    at_seventy = table[:, 70]
    assert at_seventy.tolist() == [2, 0, 2, 0, 1, 1]
    assert table[:, 50].tolist() == pytest.approx([2, 1, 1, 0, 2 / 3, 1])


def test_what_is_no_probability_has_no_curve():
    chances = np.array([[0.5, 0.5], [np.nan, np.nan]])
    labels = np.array([0, 1])
    assert dashboards.precision_recall_of_classes(("real", "fake"), labels, chances, 1) == []
