"""The faces of one video. Pure: the same video and options give the same bytes."""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence

from data_pipeline.video import faces, videos
from data_pipeline.video.faces import Box

NO_FACE = "no_face"
LIKE_SECONDS = 0.5  # by which a fake may be longer or shorter than its original


@dataclasses.dataclass(frozen=True)
class Options:
    """What is taken from a video.

    Attributes:
      frames_per_video: frames, spread evenly over its time.
      face_size: the largest side of a square around a face, in pixels.
      face_margin: the side of the square over that of the face.
      max_faces: of a frame, the largest first.
      face_detector: as `faces.detector` takes it.
      model_sha256: of the detector's model, if that is a file.
    """

    frames_per_video: int
    face_size: int
    face_margin: float
    max_faces: int
    face_detector: str
    model_sha256: str = ""


@dataclasses.dataclass(frozen=True)
class Sample:
    """A frame that was looked at: its time in seconds, its number, and the faces on it."""

    time: float
    frame: int
    boxes: tuple[Box, ...]


@dataclasses.dataclass(frozen=True)
class Track:
    """Where the faces of a video are; its frames in pixels, its duration in seconds."""

    width: int
    height: int
    duration: float
    samples: tuple[Sample, ...]


@dataclasses.dataclass(frozen=True)
class Face:
    """A square around a face: its frame, its place among the faces of that frame, and a JPEG."""

    frame: int
    index: int
    jpeg: bytes


@dataclasses.dataclass(frozen=True)
class Rejection:
    """A video that gives no face; `detail` is one line with the values."""

    reason: str
    detail: str


def find(
    source: pathlib.Path | bytes,
    options: Options,
    original: Track | None = None,
    tick: Callable[[], object] = lambda: None,
) -> tuple[Track, list[Face]] | Rejection:
    """Finds the faces of a video.

    Args:
      source: a file, or the bytes of one.
      options: what is taken from it.
      original: of a fake, where the faces of its original are. If both are alike in size and
        duration, the same frames and boxes are used, so that the pair shows the same places at the
        same times, whatever a forgery does to a detector.
      tick: is called again and again; an error that it raises ends the search.

    Raises:
      OSError: the file cannot be read.
    """
    try:
        with videos.opened(source, tick) as video:
            return _find(video, options, original)
    except videos.UnusableError as error:
        return Rejection(error.reason, error.detail)


def _find(
    video: videos.Video, options: Options, original: Track | None
) -> tuple[Track, list[Face]] | Rejection:
    detect = faces.detector(options.face_detector)
    known: dict[float, Sequence[Box]] = {}
    if original and abs(video.duration - original.duration) <= LIKE_SECONDS:
        known = {sample.time: sample.boxes for sample in original.samples}
    width = height = 0
    samples: list[Sample] = []
    found: list[Face] = []
    for frame in video.frames(list(known) or video.spread(options.frames_per_video)):
        height, width = frame.pixels.shape[:2]
        is_known = original and (width, height) == (original.width, original.height)
        boxes = known.get(frame.time) if is_known else None
        if boxes is None:
            boxes = detect(frame.pixels)[: options.max_faces]
        samples.append(Sample(frame.time, frame.number, tuple(boxes)))
        found += [
            Face(
                frame.number,
                index,
                faces.crop(frame.pixels, box, options.face_margin, options.face_size),
            )
            for index, box in enumerate(boxes)
        ]
    if not samples:
        return Rejection(videos.Reason.CORRUPT, "no frame can be decoded")
    if not found:
        return Rejection(NO_FACE, f"none on {len(samples)} frames of {width} x {height} pixels")
    return Track(width, height, video.duration, tuple(samples)), found
