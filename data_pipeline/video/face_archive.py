"""What the search for faces has found in one video: a zip archive, written whole or not at all.

The squares lie in it as JPEGs, stored and not compressed again, so that they are read like the
members of any other archive; `track.json` says where they were found, or why there are none.
"""

import dataclasses
import json
import pathlib
import zipfile
from typing import Any

from data_pipeline import faults
from data_pipeline.running import attempt
from data_pipeline.sources import entries
from data_pipeline.sources.locations import Location
from data_pipeline.video.face_search import Face, Rejection, Sample, Track
from data_pipeline.video.faces import Box

_TRACK = "track.json"
_SUFFIX = ".jpg"


@dataclasses.dataclass(frozen=True)
class Stored:
    """Where the faces of a video lie: by frame and place on it, where the JPEG is."""

    track: Track
    faces: dict[tuple[int, int], Location]


def write(path: pathlib.Path, found: tuple[Track, list[Face]] | Rejection) -> None:
    """Writes what was found in a video; the same for the same findings."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = attempt.temporary(path)
    result, squares = found if isinstance(found, tuple) else (found, [])
    try:
        with zipfile.ZipFile(temporary, "w") as archive:
            # A ZipInfo of its own has no time of day in it.
            track = json.dumps(dataclasses.asdict(result))
            faults.before("write")
            archive.writestr(zipfile.ZipInfo(_TRACK), track)
            for face in squares:
                name = f"{face.frame}_{face.index}{_SUFFIX}"
                archive.writestr(zipfile.ZipInfo(name), face.jpeg)
        faults.before("rename")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read(path: pathlib.Path) -> Stored | Rejection | None:
    """Returns what was found in a video, or None where nothing is known or can be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            fields: dict[str, Any] = json.loads(archive.read(_TRACK))
        if "reason" in fields:
            return Rejection(**fields)
        fields["samples"] = tuple(
            Sample(sample["time"], sample["frame"], tuple(Box(**box) for box in sample["boxes"]))
            for sample in fields["samples"]
        )
        return Stored(
            Track(**fields),
            {
                _place(entry.path): entry.location
                for entry in entries.find(path)
                if entry.location and entry.path != _TRACK
            },
        )
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError):
        return None


def _place(name: str) -> tuple[int, int]:
    frame, index = name.removesuffix(_SUFFIX).split("_")
    return int(frame), int(index)
