"""What the files of each class are like, in numbers: sizes, formats, colours, brightness. Pure."""

import bisect
import collections
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from data_pipeline.images import colours
from data_pipeline.planning.plan import Scanned
from data_pipeline.references import Facts
from tfrecords.manifest import Target

MOST_COMMON = 12
# Pixels; four steps double it.
SIDES = tuple(round(8 * 2 ** (step / 4)) for step in range(4 * 11 + 1))
QUALITIES = 100
_READ_AT_ONCE = 1 << 10  # histograms

Histograms = Callable[[], npt.NDArray[np.uint16]]  # gives [rows, 4, BINS], see `colours`


def of_classes(
    scanned: Iterable[Scanned],
    targets: Mapping[str, Target],
    histograms: Histograms,
) -> dict[str, dict[str, dict[str, Any]]]:
    """Returns by target and class name what its files are like; see `of_files`."""
    by_class: dict[str, dict[int, list[Facts]]] = {name: {} for name in targets}
    for reference, facts in scanned:
        for name in targets:
            by_class[name].setdefault(reference.targets[name], []).append(facts)
    return {
        name: {
            class_name: of_files(by_class[name].get(index, []), histograms)
            for index, class_name in enumerate(target.class_names)
        }
        for name, target in targets.items()
    }


def of_files(facts: Sequence[Facts], histograms: Histograms) -> dict[str, Any]:
    """Returns numbers of files that make no picture of a file each.

    Args:
      facts: of the files.
      histograms: of the rows that the facts name.

    Returns:
      `images`: how many they are.
      `formats`, `modes`, `sizes`, `subsamplings`: by name the number of files, the commonest first.
      `short_sides`: the number of files by the bin of `SIDES` that their shorter side is in.
      `qualities`: the number of JPEGs of quality 1, 2, ... 100.
      `brightness`: the number of files by the bin of their mean grey, as in `colours`.
      `values`: by channel the number of thumbnail pixels in each bin, as in `colours`.
    """
    rows = np.array([fact.sketch for fact in facts if fact.sketch >= 0], np.int64)
    values = np.zeros((len(colours.CHANNELS), colours.BINS), np.int64)
    for start in range(0, len(rows), _READ_AT_ONCE):
        values += histograms()[rows[start : start + _READ_AT_ONCE]].sum(axis=0, dtype=np.int64)
    qualities = [fact.quality - 1 for fact in facts if fact.quality is not None]
    width = 256 // colours.BINS
    sides = [bisect.bisect_right(SIDES, min(fact.width, fact.height)) - 1 for fact in facts]
    return {
        "images": len(facts),
        "formats": common(fact.format for fact in facts),
        "modes": common(fact.mode for fact in facts),
        "sizes": common(f"{fact.width} x {fact.height}" for fact in facts),
        "subsamplings": common(fact.subsampling for fact in facts if fact.subsampling),
        "short_sides": _counts([min(max(side, 0), len(SIDES) - 1) for side in sides], len(SIDES)),
        "qualities": _counts(qualities, QUALITIES),
        "brightness": _counts([int(fact.grey) // width for fact in facts], colours.BINS),
        "values": dict(zip(colours.CHANNELS, values.tolist(), strict=True)),
    }


def common(values: Iterable[str]) -> dict[str, int]:
    """Returns how often the commonest values occur, and all `others` together."""
    counter = collections.Counter(values)
    found = dict(sorted(counter.items(), key=lambda item: (-item[1], item[0]))[:MOST_COMMON])
    others = sum(counter.values()) - sum(found.values())
    return {**found, "others": others} if others else found


def _counts(places: Sequence[int], number: int) -> list[int]:
    return np.bincount(np.array(places, np.int64), minlength=number).tolist()
