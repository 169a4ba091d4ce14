"""The report of a build: one HTML file, its numbers and pictures inside."""

import base64
import io
import pathlib
from collections.abc import Sequence
from typing import Any

import jinja2
from PIL import Image

from data_pipeline import look_alikes, references
from data_pipeline.references import Reject
from tfrecords import example, framing, manifest, names, schema

_TEMPLATE = "report.html"
PICTURES_PER_CLASS = 8
PICTURE_SIDE = 128  # pixels
REJECTS_SHOWN = 200


def write(
    directory: pathlib.Path,
    content: manifest.Manifest,
    statistics: dict[str, Any],
    rejects: list[Reject],
    groups: Sequence[look_alikes.Example],
) -> None:
    """Writes `report.html` of the shards in `directory`, with some groups that look alike."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("data_pipeline", "."),
        autoescape=True,  # file names come from strangers
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["plain"] = references.plain
    page = environment.get_template(_TEMPLATE).render(
        manifest=content,
        statistics=statistics,
        rejects=rejects[:REJECTS_SHOWN],
        num_rejects=len(rejects),
        groups=groups,
        data_uri=data_uri,
        pictures={name: _pictures(directory, content, name) for name in content.targets},
    )
    path = directory / names.REPORT
    path.write_text(page, encoding="utf-8", errors="backslashreplace")


def _pictures(
    directory: pathlib.Path, content: manifest.Manifest, target: str
) -> dict[str, list[str]]:
    """Returns by class name some pictures as data URIs, from the first shards."""
    class_names = content.targets[target].class_names
    found: dict[str, list[str]] = {class_name: [] for class_name in class_names}
    shards = [shard for split in content.splits.values() for shard in split.shards]
    for shard in shards:
        for serialized in framing.read_records(directory / shard.name):
            features = example.decode(serialized)
            pictures = found[class_names[int(features[target][0])]]
            if len(pictures) < PICTURES_PER_CLASS:
                pictures.append(data_uri(bytes(features[schema.IMAGE][0])))  # type: ignore[arg-type]
            elif all(len(others) == PICTURES_PER_CLASS for others in found.values()):
                return found
    return found


def data_uri(jpeg: bytes) -> str:
    """Returns a picture of the report's size, as an address that holds it."""
    with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as image:
        image.thumbnail((2 * PICTURE_SIDE, 2 * PICTURE_SIDE))
        buffer = io.BytesIO()
        image.save(buffer, format="JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
