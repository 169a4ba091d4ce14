"""What images cost on their way into a dataset: python -m tests.benchmarks.build_parts.

In milliseconds of processor time: zip members read by offset beside files; large JPEGs shrunk with
and without the decoder's own scaling; a photograph of 500x375 looked at and stored, beside what a
bare loop does with it. Files and members are read from the disk too, in milliseconds on the clock.
"""

import io
import json
import os
import pathlib
import statistics
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence

from PIL import Image, JpegImagePlugin

from data_pipeline.images import appearance, image_policy
from data_pipeline.sources import entries, locations
from tests.benchmarks import build_peers, photographs

RESULTS = pathlib.Path(__file__).parent / "build_parts.json"
ROUNDS = 7
SMALL, LARGE = (500, 375), (1600, 1200)
NUM_FILES, FILE_BYTES, NUM_LARGE = 3000, 52_000, 8


def milliseconds(
    calls: Mapping[str, Callable[[object], object]], elements: Mapping[str, Sequence]
) -> dict[str, float]:
    """Returns by name the median time of a call, in turn with the others."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            start = time.process_time()
            for element in elements[name]:
                call(element)
            seconds[name].append((time.process_time() - start) / len(elements[name]))
    return {name: 1e3 * statistics.median(found) for name, found in seconds.items()}


def _reading(directory: pathlib.Path) -> dict[str, float]:
    source, archive = directory / "files", directory / "images.zip"
    source.mkdir()
    with zipfile.ZipFile(archive, "w") as members:
        for number in range(NUM_FILES):
            path = source / f"{number}.jpg"
            path.write_bytes(os.urandom(FILE_BYTES))
            members.write(path, path.name)
    places = {"a file": _locations(source), "a zip member": _locations(archive)}
    found = milliseconds(dict.fromkeys(places, lambda place: place.read()), places)
    for name, paths in (("a file", source.iterdir()), ("a zip member", [archive])):
        found[f"{name}, from the disk"] = _from_disk(places[name], list(paths))
    return found


def _from_disk(places: Sequence[locations.Location], paths: Sequence[pathlib.Path]) -> float:
    """Returns the milliseconds that a location takes when the system's cache has none of it."""
    seconds = []
    for _ in range(ROUNDS):
        for path in paths:
            with path.open("rb") as file:
                os.fsync(file.fileno())  # what is not on the disk yet would stay
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        start = time.perf_counter()
        for place in places:
            place.read()
        seconds.append(time.perf_counter() - start)
    return 1e3 * statistics.median(seconds) / len(places)


def _locations(source: pathlib.Path) -> list[locations.Location]:
    return [entry.location for entry in entries.find(source)]


def _shrinking() -> dict[str, float]:
    jpegs = [photographs.jpeg(seed, LARGE) for seed in range(NUM_LARGE)]
    calls = {
        "1600x1200 by Pillow, without its scaling": lambda data: build_peers.shrunk(
            data, is_scaled=False
        ),
        "1600x1200 without the decoder's scaling": _stored_without_draft,
        "1600x1200": lambda data: image_policy.store(data, build_peers.SIZE),
    }
    return milliseconds(calls, dict.fromkeys(calls, jpegs))


def _stored_without_draft(data: bytes) -> object:
    draft, JpegImagePlugin.JpegImageFile.draft = JpegImagePlugin.JpegImageFile.draft, _no_draft
    try:
        return image_policy.store(data, build_peers.SIZE)
    finally:
        JpegImagePlugin.JpegImageFile.draft = draft


def _no_draft(*_: object) -> None:
    """Stands for a decoder that cannot scale."""


def _one_image() -> dict[str, float]:
    jpegs = [photographs.jpeg(seed, SMALL) for seed in range(100)]
    calls = {
        "500x375: decoded": lambda data: Image.open(io.BytesIO(data)).load(),
        "500x375: decoded, resized, encoded": build_peers.shrunk,
        "500x375: the same with our scaler": build_peers.shrunk_by_scaler,
        "500x375: stored": lambda data: image_policy.store(data, build_peers.SIZE),
        "500x375: looked at and stored": lambda data: appearance.look(data, build_peers.SIZE),
    }
    return milliseconds(calls, dict.fromkeys(calls, jpegs))


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        found = {**_reading(pathlib.Path(temporary)), **_shrinking(), **_one_image()}
    for name, value in found.items():
        print(f"{name:40} {value:7.3f} ms", flush=True)
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
