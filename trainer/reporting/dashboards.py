"""What TensorBoard shows besides curves and pictures, as summaries: serialized protocol buffers.

Hyperparameters beside the metrics of the finished run, precision-recall curves, and a page of
charts that belong together.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalar
from tensorboard.plugins.hparams import api as hparams
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams import summary as hparams_summary
from tensorboard.plugins.pr_curve import summary as pr_curve

NUM_THRESHOLDS = 101
# The last word of a tag, and what its chart is called.
_CHARTS = {
    "What it has learnt": {
        "Loss": "loss",
        "Accuracy": "accuracy",
        "Validation AUC": "auc",
        "Classes predicted": "predicted_classes",
    },
    "How it learns": {
        "Learning rate": "learning_rate",
        "Norm of the gradient, before clipping": "gradient_norm",
        "Norm of the update": "update_norm",
        "Norm of the weights": "weight_norm",
        "Scale of the loss": "loss_scale",
        "Steps skipped": "skipped",
    },
    "What it takes": {
        "Images a second": "images_per_second",
        "Share of the time spent waiting for input": "input_wait_share",
        "Micro-batch": "micro_batch",
        "Peak memory of the device, MB": "memory_mb",
        "Memory of the process, MB": "host_memory_mb",
    },
}
TEST_METRICS = ("auc", "accuracy", "balanced_accuracy", "f1")


def layout() -> bytes:
    """Returns the page of charts for the Custom Scalars tab."""
    categories = [
        layout_pb2.Category(
            title=title,
            chart=[
                layout_pb2.Chart(
                    title=name, multiline=layout_pb2.MultilineChartContent(tag=[f"^{tag}$"])
                )
                for name, tag in charts.items()
            ],
        )
        for title, charts in _CHARTS.items()
    ]
    return _bytes(custom_scalar.pb(layout_pb2.Layout(category=categories)))


def hyperparameters(name: str, values: Mapping[str, Any]) -> bytes:
    """Returns what the HParams tab has to know of a run that starts.

    It is not told which hyperparameters there are in general, as one run does not know of others.
    So it finds out from all runs of its directory, and shows first those in which they differ.

    Args:
      name: of the run.
      values: by name; None, for a default that follows from others, is left out.
    """
    known = {key: value for key, value in values.items() if value is not None}
    return _bytes(hparams.hparams_pb(known, trial_id=name))


def end_of_run() -> bytes:
    """Returns what tells the HParams tab that a run is complete."""
    return _bytes(hparams_summary.session_end_pb(api_pb2.STATUS_SUCCESS))


def precision_recall_of_classes(
    class_names: Sequence[str], labels: np.ndarray, chances: np.ndarray, positive: int
) -> list[bytes]:
    """Returns the precision-recall curve of the positive class of two, or of each of several.

    Args:
      class_names: in the order of the indices.
      labels: class indices, int64 [examples].
      chances: class probabilities, [examples, classes].
      positive: the index of the positive class of two.

    Returns:
      One summary a curve; none where a model gives what is no probability.
    """
    if not np.isfinite(chances).all():
        return []
    shown = [positive] if len(class_names) == 2 else range(len(class_names))
    return [
        _bytes(
            pr_curve.pb(
                name=class_names[index],
                labels=labels == index,
                predictions=chances[:, index],
                num_thresholds=NUM_THRESHOLDS,
            )
        )
        for index in shown
    ]


def _bytes(summary: Any) -> bytes:
    serialized: bytes = summary.SerializeToString()
    return serialized
