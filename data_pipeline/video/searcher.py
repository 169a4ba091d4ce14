"""The child in which videos are opened and searched for faces; see `isolation`.

A video may take long and still be none that hangs: what counts is that its packets keep coming,
and that the time for all of them is in proportion to the frames that are wanted.
"""

import pathlib
import time
from collections.abc import Callable

from data_pipeline.isolation import child
from data_pipeline.references import UNREADABLE
from data_pipeline.sources.locations import File, Location
from data_pipeline.video import face_search, faces, videos
from data_pipeline.video.face_search import Face, Options, Rejection, Track

PATIENCE = 30  # seconds; see `find`


def find(
    location: Location, options: Options, original: Track | None
) -> tuple[Track, list[Face]] | Rejection:
    """Finds the faces of a video; see `face_search.find`.

    It has `PATIENCE` seconds for each packet, and for all of them as many times that as frames are
    wanted, and once more to open it.
    """
    child.expect(0)  # a disk may take its time, and a library that is loaded for the first time
    faces.detector(options.face_detector)
    try:
        # A file is read as it is needed, a member of an archive as a whole.
        path = pathlib.Path(location.path) if isinstance(location, File) else None
        clock = _clock(PATIENCE * (1 + options.frames_per_video))
        return face_search.find(path or location.read(), options, original, clock)
    except OSError as error:
        return Rejection(UNREADABLE, error.strerror or str(error))


def _clock(seconds: int) -> Callable[[], None]:
    end = time.monotonic() + seconds

    def tick() -> None:
        if time.monotonic() > end:
            detail = f"took more than {seconds} seconds"
            raise videos.UnusableError(videos.Reason.TIMEOUT, detail)
        child.expect(PATIENCE)

    return tick


PROGRAM = child.Program(
    module="data_pipeline.video.searcher",
    role="decoder",
    functions={"find": find},
    patience=PATIENCE,
    patience_is_for="for one packet",
    # A member of an archive is in memory as a whole, and twice while it is unpacked; so are the
    # sixteen frames of videos.MAX_PIXELS that others may refer to.
    max_memory=4 << 30,  # 4 GiB
    reject=Rejection,
)

if __name__ == "__main__":
    child.main(PROGRAM)
