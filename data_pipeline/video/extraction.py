"""Turns a listing of videos into one of faces; what was found is kept for the next build.

Neighbouring faces of a video end up in different shards, because the whole dataset is shuffled. If
the shards were written from the videos themselves, each face would cost a jump to the last key
frame and the decoding of up to ten seconds: of a clip of 1080p and 10 s, all frames take .9 s, ten
single ones 4.6 s. So each video is decoded once, and its faces are kept as JPEGs, which go into
the dataset as they are; one of 256 pixels takes some 20 KB.

The archive of a video is named by all that determines its content: the file, the options, and the
original whose boxes it takes over. Whatever is there is done, on whichever machine it was made.
"""

import dataclasses
import hashlib
import importlib.util
import json
import pathlib
from collections.abc import Iterator

from data_pipeline import faults
from data_pipeline.isolation import calls, child
from data_pipeline.references import UNREADABLE, Listing, Reference, Reject, Video
from data_pipeline.sources.locations import Location
from data_pipeline.video import face_archive, face_search, faces, searcher
from data_pipeline.video.face_archive import Stored
from data_pipeline.video.face_search import Options, Rejection
from tfrecords import exits

FACES_VERSION = 2  # changes when the faces of any video change
VIDEO_SECONDS = 2.0  # about what the search in one video takes
BATCH_VIDEOS = 8  # at least, if there are as many; the unit of work

_SUFFIX = ".zip"
# Reasons that may lie in the machine, or be gone with the next version of a decoder.
_MAY_PASS = frozenset({UNREADABLE, *child.Reason})


@dataclasses.dataclass(frozen=True)
class Task:
    """A video to be searched, the archive to be written, and that of its original."""

    location: Location
    archive: str
    original: str | None


@dataclasses.dataclass(frozen=True)
class Batch:
    """Videos to be searched by one worker at one go, originals before their fakes."""

    tasks: tuple[Task, ...]
    options: Options


@dataclasses.dataclass(frozen=True)
class Found:
    """What is known of all videos.

    Attributes:
      listing: of the faces; videos without any are among its rejects.
      num_videos: that have a face.
      num_frames: of them that were looked at.
      num_empty_frames: those of the frames that show no face.
    """

    listing: Listing
    num_videos: int
    num_frames: int
    num_empty_frames: int


def checked_options(
    *, frames_per_video: int, face_size: int, face_margin: float, max_faces: int, face_detector: str
) -> Options:
    """Returns the options of a search, once it is certain that it can be made.

    Raises:
      UsageError: the detector's model cannot be used.
      MachineError: a package is not installed.
    """
    is_dlib = face_detector == faces.DLIB
    package = "dlib" if is_dlib else "cv2"
    if importlib.util.find_spec(package) is None:
        raise exits.MachineError(
            f"Videos need the package {package}, which is not installed. "
            "Install it: pip install -e '.[faces]'"
        )
    digest = ""
    if not is_dlib:
        try:
            path = faces.model(face_detector)
            face_detector = f"{faces.YUNET}{path}"
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            faces.detector(face_detector)
        except Exception as error:  # OpenCV has its own for a file that is no model
            reason = error.strerror if isinstance(error, OSError) else "it is no model of YuNet"
            raise exits.UsageError(f"--face_detector={face_detector}: {reason}.") from error
    return Options(frames_per_video, face_size, face_margin, max_faces, face_detector, digest)


class Known:
    """What searches have found, kept in a directory. What may pass is forgotten.

    `earlier` is a directory that is read too, if it is there, and never written to.
    """

    def __init__(
        self,
        directory: pathlib.Path,
        listing: Listing,
        options: Options,
        earlier: pathlib.Path | None = None,
    ):
        self._directory = directory = directory.absolute()
        self._sources = (directory,) if earlier is None else (directory, earlier)
        self._listing = listing
        self._options = options
        self._videos = {video.image_id: video for video in listing.videos}
        self._found: dict[str, Stored | Rejection] = {}
        self._places: dict[str, pathlib.Path] = {}
        directory.mkdir(parents=True, exist_ok=True)
        for leftover in directory.rglob(".*"):
            leftover.unlink()

    def missing(self) -> list[Batch]:
        """Returns the videos of which nothing is known, in batches; a fake with its original."""
        unknown: set[str] = set()
        groups: dict[str, list[Video]] = {}
        for video in sorted(self._videos.values(), key=lambda video: video.original is not None):
            # What an original could not give to its fakes the last time, it may give now.
            if video.original in unknown or not self._is_known(video):
                unknown.add(video.image_id)
                groups.setdefault(video.original or video.image_id, []).append(video)
        batches: list[list[Task]] = [[]]
        for _, group_videos in sorted(groups.items()):
            if len(batches[-1]) >= BATCH_VIDEOS:
                batches.append([])
            batches[-1] += [self._task(video) for video in group_videos]
        return [Batch(tuple(tasks), self._options) for tasks in batches if tasks]

    def faces(self) -> Found:
        """Returns what is known of all videos."""
        references: list[Reference] = []
        rejects = list(self._listing.rejects)
        num_videos = 0
        samples: list[face_search.Sample] = []
        for video in self._videos.values():
            found = self._found.get(video.image_id) or face_archive.read(self._place(video))
            if isinstance(found, Stored):
                references += _faces(video, found)
                samples += found.track.samples
                num_videos += 1
            elif found:
                rejects.append(Reject(video.image_id, found.reason, found.detail))
            else:
                rejects.append(Reject(video.image_id, UNREADABLE, "the search left no result"))
        references.sort(key=lambda reference: reference.image_id)
        listing = dataclasses.replace(
            self._listing,
            references=tuple(references),
            rejects=tuple(rejects),
            image_size=self._options.face_size,
        )
        num_empty = sum(not sample.boxes for sample in samples)
        return Found(listing, num_videos, len(samples), num_empty)

    def _is_known(self, video: Video) -> bool:
        for source in self._sources:
            path = source / self._name(video)
            found = face_archive.read(path)
            if found and not (isinstance(found, Rejection) and found.reason in _MAY_PASS):
                self._found[video.image_id] = found
                self._places[video.image_id] = path
                return True
        return False

    def _place(self, video: Video) -> pathlib.Path:
        """Returns where the archive of a video lies, or is to be written."""
        return self._places.get(video.image_id, self._directory / self._name(video))

    def _original(self, video: Video) -> Video | None:
        return self._videos.get(video.original) if video.original else None

    def _task(self, video: Video) -> Task:
        original = self._original(video)
        return Task(
            video.location,
            str(self._place(video)),
            str(self._place(original)) if original else None,
        )

    def _name(self, video: Video) -> str:
        original = self._original(video)
        determined_by = [
            video.location.fingerprint,
            original.location.fingerprint if original else None,
            # A model is known by its content, wherever it lies.
            dataclasses.astuple(dataclasses.replace(self._options, face_detector="")),
        ]
        digest = hashlib.sha256(json.dumps(determined_by).encode()).hexdigest()
        return f"{digest[:2]}/{digest[2:34]}{_SUFFIX}"


def _faces(video: Video, found: Stored) -> Iterator[Reference]:
    for (frame, index), location in found.faces.items():
        yield Reference(
            image_id=f"{video.image_id}#{frame}#{index}",
            location=location,
            targets=video.targets,
            group_id=video.group_id,
            split=video.split,
            attributes=video.attributes,
        )


def extract(batch: Batch) -> int:
    """Searches the videos of a batch; returns how many, once their faces are on disk."""
    for task in batch.tasks:
        faults.before("extract")
        face_archive.write(pathlib.Path(task.archive), _find(task, batch.options))
    return len(batch.tasks)


def _find(
    task: Task, options: Options
) -> tuple[face_search.Track, list[face_search.Face]] | Rejection:
    original = face_archive.read(pathlib.Path(task.original)) if task.original else None
    track = original.track if isinstance(original, Stored) else None
    try:
        faults.before("read")
    except OSError as error:
        return Rejection(UNREADABLE, error.strerror or str(error))
    found: tuple[face_search.Track, list[face_search.Face]] | Rejection
    found = calls.submit(searcher.PROGRAM, "find", task.location, options, track).result()
    return found


def count(directory: pathlib.Path) -> int:
    """Returns how many videos have been searched, for the progress."""
    return sum(1 for _ in directory.glob(f"*/*{_SUFFIX}"))
