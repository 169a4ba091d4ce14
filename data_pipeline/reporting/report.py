"""The report of a build: one HTML file with its numbers and pictures inside, and the pictures.

It is made from the dataset alone, so that it can be made again.
"""

import base64
import collections
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import jinja2
import markupsafe

from data_pipeline import references
from data_pipeline.reporting import audit, charts, look_alikes, reject_pictures, samples, sheets
from tfrecords import dataset, exits, manifest, names

_TEMPLATE = "report.html"


def write(directory: pathlib.Path, content: manifest.Manifest) -> None:
    """Writes `report.html` of the shards, statistics and rejects in `directory`, and `pictures/`.

    Raises:
      DataError: these are absent, or were written by an older version of this software.
    """
    folder = directory / names.PICTURES
    folder.mkdir(exist_ok=True)
    try:
        numbers = json.loads((directory / names.STATISTICS).read_text(encoding="utf-8"))
        rejects = _rejects(directory / names.REJECTS)
        page = _page(folder, dataset.Dataset(directory, content), numbers, rejects)
    except (KeyError, TypeError, ValueError, FileNotFoundError, jinja2.UndefinedError) as error:
        raise exits.DataError(
            f"{directory / names.STATISTICS} or {names.REJECTS} lacks what the report needs: "
            f"{error}. Build it again with: {content.command} --overwrite"
        ) from error
    _replace(directory / names.REPORT, page.encode(errors="backslashreplace"))


def _page(
    folder: pathlib.Path,
    built: dataset.Dataset,
    numbers: dict[str, Any],
    rejects: dict[str, list[dict[str, str]]],
) -> str:
    content = built.manifest
    drawn = {
        name: charts.of_target(name, target, content, numbers)
        for name, target in content.targets.items()
    }
    audits = {name: charts.of_audit(name, found) for name, found in numbers["audit"].items()}
    for chart in (*(c for found in drawn.values() for c in found), *audits.values()):
        if chart is not None:
            _replace(folder / f"{chart.name}.png", chart.png())
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("data_pipeline.reporting", "."),
        autoescape=True,  # file names come from strangers
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"plain": references.plain, "count": "{:,}".format, "svg": _svg}
    return environment.get_template(_TEMPLATE).render(
        manifest=content,
        statistics=numbers,
        charts=drawn,
        audits=audits,
        advice=audit.advice,
        samples=_samples(folder, built),
        groups=[
            {**group, "jpegs": _cells(folder / look_alikes.sheet(number), group["pictures"])}
            for number, group in enumerate(numbers["look_alikes"])
        ],
        rejects=rejects,
        rejects_shown=reject_pictures.SHOWN,
        reject_pictures=_reject_pictures(folder, numbers.get("reject_pictures", {})),
    )


def _samples(folder: pathlib.Path, built: dataset.Dataset) -> dict[str, Any]:
    """Returns by target, class and split some pictures as data URIs; a sheet of each class too."""
    found = samples.find(built)
    for target, by_class in found.items():
        for index, (_, by_split) in enumerate(by_class.items()):
            # Not by the class's name, which may be no name for a file.
            path = folder / f"samples-{target}-{index}.png"
            temporary = path.with_name(f".{path.name}.{os.getpid()}")
            sheets.write(temporary, list(by_split.values()))
            temporary.replace(path)
    return {
        target: {
            name: {
                split: [_data_uri(sheets.small(jpeg)) for jpeg in jpegs]
                for split, jpegs in by_split.items()
            }
            for name, by_split in by_class.items()
        }
        for target, by_class in found.items()
    }


def _reject_pictures(
    folder: pathlib.Path, shown: dict[str, list[str]]
) -> dict[str, dict[str, str]]:
    """Returns by reason and image_id the picture of a reject as a data URI, where there is one."""
    return {
        reason: dict(
            # Nothing where the sheet is gone.
            zip(image_ids, _cells(folder / reject_pictures.sheet(reason), image_ids), strict=False)
        )
        for reason, image_ids in shown.items()
    }


def _cells(path: pathlib.Path, pictures: Sequence[object]) -> list[str]:
    """Returns the pictures of a sheet as data URIs; none where it is gone."""
    return [_data_uri(jpeg) for jpeg in sheets.read(path, len(pictures))]


def _rejects(path: pathlib.Path) -> dict[str, list[dict[str, str]]]:
    """Returns the first rejects of each reason."""
    found: dict[str, list[dict[str, str]]] = collections.defaultdict(list)
    with path.open(encoding="utf-8") as file:
        for line in file:
            reject = json.loads(line)
            if len(found[reject["reason"]]) < reject_pictures.SHOWN:
                found[reject["reason"]].append(reject)
    return found


def _svg(chart: charts.Chart) -> markupsafe.Markup:
    # matplotlib escapes the texts that it draws.
    return markupsafe.Markup(chart.svg())  # noqa: S704


def _data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def _replace(path: pathlib.Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)
