"""The report of a build: one HTML file with its numbers and pictures inside, and the pictures.

It is made from the dataset alone, so that it can be made again.
"""

import base64
import collections
import itertools
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jinja2
import markupsafe

from data_pipeline import references
from data_pipeline.reporting import audit, look_alikes, reject_pictures, samples, sheets
from tfrecords import dataset, exits, manifest, names

if TYPE_CHECKING:
    from data_pipeline.reporting import charts

_TEMPLATE = "report.html"


def write(directory: pathlib.Path, content: manifest.Manifest) -> None:
    """Writes what `files` returns into `directory`. Raises what that raises."""
    save(directory, files(directory, content))


def save(directory: pathlib.Path, made: Mapping[str, bytes]) -> None:
    """Writes the files of a report, the page last: what it shows is there by then."""
    (directory / names.PICTURES).mkdir(exist_ok=True)
    for name, content in made.items():
        path = directory / name
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_bytes(content)
        temporary.replace(path)


def files(directory: pathlib.Path, content: manifest.Manifest) -> dict[str, bytes]:
    """Returns the report of the shards, statistics and rejects in a directory.

    Returns:
      By path below the directory the content of each picture, and of `report.html`, the last.

    Raises:
      DataError: these are absent, or were written by an older version of this software.
    """
    try:
        numbers = json.loads((directory / names.STATISTICS).read_text(encoding="utf-8"))
        rejects = _rejects(directory / names.REJECTS)
        return _made(dataset.Dataset(directory, content), numbers, rejects)
    except exits.DataError as error:
        raise exits.DataError(f"{error} {dataset.mend(directory)}") from error
    except (KeyError, TypeError, ValueError, FileNotFoundError, jinja2.UndefinedError) as error:
        raise exits.DataError(
            f"{directory / names.STATISTICS} or {names.REJECTS} lacks what the report needs: "
            f"{error}. Build it again with: {content.command} --overwrite"
        ) from error


def _made(
    built: dataset.Dataset, numbers: dict[str, Any], rejects: dict[str, list[dict[str, str]]]
) -> dict[str, bytes]:
    # Here, because it takes 40 MB, which a build leaves to another process.
    from data_pipeline.reporting import charts

    content = built.manifest
    drawn = {
        name: charts.of_target(name, target, content, numbers)
        for name, target in content.targets.items()
    }
    audits = {name: charts.of_audit(name, found) for name, found in numbers["audit"].items()}
    shown = samples.find(built)
    page = _page(built, numbers, rejects, drawn, audits, shown)
    every = [*itertools.chain.from_iterable(drawn.values()), *audits.values()]
    pictures = {f"{chart.name}.png": chart.png() for chart in every if chart} | _sheets(shown)
    return {
        **{f"{names.PICTURES}/{name}": picture for name, picture in pictures.items()},
        names.REPORT: page.encode(errors="backslashreplace"),
    }


def _page(
    built: dataset.Dataset,
    numbers: dict[str, Any],
    rejects: dict[str, list[dict[str, str]]],
    drawn: Mapping[str, Sequence["charts.Chart"]],
    audits: Mapping[str, "charts.Chart | None"],
    shown: samples.Samples,
) -> str:
    folder = built.directory / names.PICTURES
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("data_pipeline.reporting", "."),
        autoescape=True,  # file names come from strangers
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"plain": references.plain, "count": "{:,}".format, "svg": _svg}
    return environment.get_template(_TEMPLATE).render(
        manifest=built.manifest,
        statistics=numbers,
        charts=drawn,
        audits=audits,
        advice=audit.advice,
        split_pairs=_split_pairs(numbers["leaks"], built.manifest),
        samples=_data_uris(shown),
        groups=[
            {**group, "jpegs": _cells(folder / look_alikes.sheet(number), group["pictures"])}
            for number, group in enumerate(numbers["look_alikes"])
        ],
        rejects=rejects,
        rejects_shown=reject_pictures.SHOWN,
        reject_pictures=_reject_pictures(folder, numbers.get("reject_pictures", {})),
    )


def _split_pairs(
    leaks: Mapping[str, Mapping[str, int]] | None, content: manifest.Manifest
) -> list[str]:
    """Returns the pairs of splits that are both there, such as `train-test`."""
    pairs = leaks["groups"] if leaks else ()
    return [pair for pair in pairs if content.splits.keys() >= set(pair.split("-"))]


def _sheets(shown: samples.Samples) -> dict[str, bytes]:
    """Returns by file name a sheet of the pictures of each class."""
    return {
        # Not by the class's name, which may be no name for a file.
        f"samples-{target}-{index}.png": sheets.sheet(list(by_split.values()))
        for target, by_class in shown.items()
        for index, by_split in enumerate(by_class.values())
    }


def _data_uris(shown: samples.Samples) -> dict[str, dict[str, dict[str, list[str]]]]:
    """Returns small pictures in the same order."""
    return {
        target: {
            name: {
                split: [_data_uri(sheets.small(jpeg)) for jpeg in jpegs]
                for split, jpegs in by_split.items()
            }
            for name, by_split in by_class.items()
        }
        for target, by_class in shown.items()
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


def _svg(chart: "charts.Chart") -> markupsafe.Markup:
    # matplotlib escapes the texts that it draws.
    return markupsafe.Markup(chart.svg())  # noqa: S704


def _data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
