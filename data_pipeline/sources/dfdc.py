"""The DeepFake Detection Challenge as it lies on disk: parts of videos, each with a metadata.json.

`{"x.mp4": {"label": "FAKE", "split": "train", "original": "y.mp4"}}`: `original` is absent or null
where a video is none of a forgery. The names of videos are unique, so that an original may lie in
another part (Dolhansky et al., "The DeepFake Detection Challenge Dataset", 2020).
"""

import collections
import dataclasses
import itertools
import json
import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

from data_pipeline.references import ABSENT, NO_METADATA, Reject, Video
from data_pipeline.sources.entries import Entry
from tfrecords import schema

METADATA = "metadata.json"
_LABELS = {"REAL": 0, "FAKE": 1}
_SUFFIX = ".mp4"


def videos(found: Sequence[Entry]) -> tuple[list[Video], list[Reject]]:
    """Returns the videos among the files of a source, and what is no video or not there.

    The group of a video is the name of its original, or its own.
    """
    parts: dict[str, dict[str, Entry]] = {}
    for entry in _below_common_folders(found):
        folder, name = posixpath.split(entry.path)
        parts.setdefault(folder, {})[name] = entry
    listed: list[Video] = []
    rejects: list[Reject] = []
    for folder, files in parts.items():
        metadata, problem = _metadata(files.pop(METADATA, None))
        for name in sorted({*files, *metadata}):
            item = _item(posixpath.join(folder, name), files.get(name), metadata.get(name), problem)
            if isinstance(item, Video):
                listed.append(item)
            else:
                rejects.append(item)
    return _with_originals(listed), rejects


def notes(rejects: Sequence[Reject]) -> tuple[str, ...]:
    """Returns what is missing in a partial copy, in words."""
    counts = collections.Counter(reject.reason for reject in rejects)
    texts = {
        ABSENT: f"{counts[ABSENT]:,} videos that {METADATA} names are not there.",
        NO_METADATA: f"{counts[NO_METADATA]:,} videos have no label in a {METADATA}.",
    }
    return tuple(text for reason, text in texts.items() if counts[reason])


def _metadata(entry: Entry | None) -> tuple[Mapping[str, Any], str]:
    """Returns what a part's metadata say, and why they say nothing of a video that is there."""
    if entry is None:
        return {}, f"its folder has no {METADATA}"
    try:
        if entry.location is None:
            raise OSError(entry.detail)
        content = json.loads(entry.location.read())
        if not isinstance(content, dict):
            raise ValueError("it is no table of videos")
    except (OSError, ValueError, RecursionError) as error:
        return {}, f"{METADATA} of its folder cannot be read: {error}"
    return content, f"{METADATA} of its folder does not name it"


def _item(path: str, entry: Entry | None, said: Any, problem: str) -> Video | Reject:
    if entry is None:
        return Reject(path, ABSENT, f"{METADATA} names it, and it is not there")
    if entry.location is None:
        return Reject(path, entry.reason, entry.detail)
    if said is None and not path.lower().endswith(_SUFFIX):
        return Reject(path, "not_a_video", f"neither *{_SUFFIX} nor named in {METADATA}")
    if said is None:
        return Reject(path, NO_METADATA, problem)
    label = said.get("label") if isinstance(said, dict) else None
    if not isinstance(label, str) or label not in _LABELS:
        return Reject(path, NO_METADATA, f"its label is {label!r}, neither REAL nor FAKE")
    name, original = posixpath.basename(path), said.get("original")
    return Video(
        image_id=path,
        location=entry.location,
        targets={schema.LABEL: _LABELS[label]},
        group_id=original if isinstance(original, str) and original else name,
    )


def _with_originals(listed: Sequence[Video]) -> list[Video]:
    """Returns the videos, forgeries with the name of their original where that is there."""
    by_name: dict[str, list[str]] = {}
    for video in listed:
        name = posixpath.basename(video.image_id)
        if name == video.group_id:
            by_name.setdefault(name, []).append(video.image_id)
    linked = []
    for video in listed:
        originals = by_name.get(video.group_id, [])
        beside = posixpath.join(posixpath.dirname(video.image_id), video.group_id)
        if video.image_id not in originals and originals:
            original = beside if beside in originals else originals[0]
            video = dataclasses.replace(video, original=original)
        linked.append(video)
    return linked


def _below_common_folders(found: Sequence[Entry]) -> list[Entry]:
    """Returns the files with names that do not depend on the folders around all parts."""
    folders = [
        entry.parts[:-1]
        for entry in found
        if entry.location and entry.path.lower().endswith((_SUFFIX, METADATA))
    ]
    shared = zip(min(folders, default=()), max(folders, default=()), strict=False)
    depth = sum(1 for _ in itertools.takewhile(lambda names: names[0] == names[1], shared))
    return [entry.below(depth) if len(entry.parts) > depth else entry for entry in found]
