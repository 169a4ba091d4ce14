"""The report of a run: one HTML file with its numbers and pictures, readable without a network."""

import base64
import pathlib
from typing import Any

import jinja2
import numpy as np

from trainer import run_directory
from trainer.reporting import plots

_TEMPLATE = "report.html"
# What the numbers are called, in the order in which they are shown.
_METRICS = (
    ("accuracy", "Accuracy"),
    ("balanced_accuracy", "Balanced accuracy"),
    ("auc", "ROC AUC"),
    ("precision", "Precision"),
    ("recall", "Recall"),
    ("f1", "F1"),
)


def write(
    directory: pathlib.Path, content: dict[str, Any], pictures: dict[str, np.ndarray]
) -> None:
    """Writes `report.html`, and each picture as a PNG file beside it.

    Args:
      directory: of the run.
      content: `summary`, `config`, `class_names` and `positive`, the name of the positive class.
      pictures: by name `curves`, `confusion_matrix`, `augmented_batch`, and where there are such
        `certainty` and `worst_mistakes`; uint8.
    """
    encoded = {name: plots.to_png(image) for name, image in pictures.items()}
    folder = directory / run_directory.PICTURES
    folder.mkdir(exist_ok=True)
    for name, png in encoded.items():
        (folder / f"{name}.png").write_bytes(png)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("trainer.reporting", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    page = environment.get_template(_TEMPLATE).render(
        rows=_rows(content["summary"]["test"]),
        pictures={name: _data_uri(png) for name, png in encoded.items()},
        **content,
    )
    run_directory.write_text(directory / run_directory.REPORT, page)


def _rows(test: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {
            "name": title,
            "value": "not defined" if test[name] is None else f"{test[name]:.4f}",
            "interval": _interval(test.get(f"{name}_interval")),
        }
        for name, title in _METRICS
    ]


def _interval(interval: list[float] | None) -> str:
    return "" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
