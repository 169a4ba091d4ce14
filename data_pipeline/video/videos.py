"""Frames of a video, spread over its time, upright and in RGB. The only place that opens videos.

PyAV carries FFmpeg with it. FFmpeg is told to open nothing but containers of video: by itself it
would also follow a playlist to whatever files and addresses it names.
"""

import bisect
import contextlib
import dataclasses
import enum
import io
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

MAX_MEMBER_BYTES = 512 << 20  # 512 MiB; a video in an archive is read into memory as a whole
MAX_PIXELS = 36_000_000  # of a frame: 8K, 108 MB while it is in memory
MAX_FRAMES = 1_000_000  # nine hours; a few bytes of a header can claim more

_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg"


class Reason(enum.StrEnum):
    """Why a video gives no frames."""

    EMPTY_FILE = enum.auto()
    NOT_A_VIDEO = enum.auto()
    TOO_MANY_PIXELS = enum.auto()
    TOO_MANY_FRAMES = enum.auto()
    CORRUPT = enum.auto()
    TIMEOUT = enum.auto()


class UnusableError(Exception):
    """A video that gives no frames; `detail` is one line with the values."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclasses.dataclass(frozen=True)
class Frame:
    """A picture of a video.

    Attributes:
      number: its place among all frames in the order in which they are shown, from 0.
      time: for which it was chosen, in seconds after the first frame.
      pixels: uint8 [height, width, 3], RGB, upright.
    """

    number: int
    time: float
    pixels: npt.NDArray[np.uint8]


class Video:
    """An open video.

    Frames are chosen by their times, not by their numbers: phones film at a varying rate. The times
    are those of the packets, which are read without decoding them; what a header says of duration
    and number of frames is not always so.
    """

    def __init__(self, container: Any, tick: Callable[[], object] = lambda: None) -> None:
        self._container = container
        self._tick = tick
        self._stream = container.streams.best("video")
        if self._stream is None:
            raise UnusableError(Reason.NOT_A_VIDEO, "it holds no pictures")
        if self._stream.codec_context is None:
            raise UnusableError(Reason.NOT_A_VIDEO, "its pictures are packed by an unknown method")
        size = self._stream.width, self._stream.height
        if size[0] * size[1] > MAX_PIXELS:
            detail = f"{size[0]} x {size[1]} pixels, at most {MAX_PIXELS:,}"
            raise UnusableError(Reason.TOO_MANY_PIXELS, detail)
        # Whole videos are worked on at the same time, one on each processor.
        self._stream.codec_context.thread_count = 1
        # Frames may turn out larger than the header says.
        self._stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        ticks: set[int] = set()
        keys: dict[int, int] = {}  # from when a key frame is shown to where to seek it
        for packet in self._packets():
            if packet.pts is not None and not packet.is_discard:
                ticks.add(packet.pts)
                if len(ticks) > MAX_FRAMES:
                    detail = f"more than {MAX_FRAMES:,} frames"
                    raise UnusableError(Reason.TOO_MANY_FRAMES, detail)
                if packet.is_keyframe:
                    # MPEG streams are sought by the time of decoding, which is never the later one.
                    keys[packet.pts] = packet.pts if packet.dts is None else packet.dts
        self._ticks = sorted(ticks)
        self._keys = sorted(keys.items())
        if not self._keys:
            raise UnusableError(Reason.CORRUPT, "no frame can be decoded by itself")

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the end of the last one."""
        span = self._ticks[-1] - self._ticks[0]
        last = span / (len(self._ticks) - 1) if span else 0
        return float((span + last) * self._stream.time_base)

    def spread(self, count: int) -> list[float]:
        """Returns the middles of `count` equal parts of the duration, in seconds."""
        return [(part + 0.5) * self.duration / count for part in range(count)]

    def frames(self, times: Sequence[float]) -> Iterator[Frame]:
        """Yields the frames that lie nearest to the times, each frame once, one in memory.

        Damaged packets are passed over. A frame that cannot be decoded is replaced by the next one
        that can.

        Args:
          times: in seconds after the first frame, rising.
        """
        chosen: dict[int, float] = {}
        for time in times:
            chosen.setdefault(self._nearest(time), time)
        decoded, done = self._decoded_from(self._keys[0][1]), self._keys[0][0] - 1
        for wanted, time in chosen.items():
            if wanted <= done:
                continue
            shown, place = self._keys[
                max(bisect.bisect_right(self._keys, wanted, key=lambda key: key[0]) - 1, 0)
            ]
            if shown > done:  # what lies before a key frame need not be decoded
                decoded = self._decoded_from(place)
            for frame in decoded:
                if frame.pts >= wanted:
                    done = frame.pts
                    number = bisect.bisect_left(self._ticks, frame.pts)
                    yield Frame(number, time, _upright_rgb(frame))
                    break

    def _nearest(self, time: float) -> int:
        tick = self._ticks[0] + float(time / self._stream.time_base)
        after = bisect.bisect_left(self._ticks, tick)
        return min(self._ticks[max(after - 1, 0) : after + 1], key=lambda other: abs(other - tick))

    def _packets(self) -> Iterator[Any]:
        """Yields the packets from where the container stands to its end, or to a damage."""
        import av

        try:
            for packet in self._container.demux(self._stream):
                self._tick()
                yield packet
        except MemoryError:  # PyAV's is one of FFmpeg's errors too
            raise
        # PyAV fails with an IndexError where a damaged file brings up a further stream midway.
        except (av.FFmpegError, IndexError):
            return

    def _decoded_from(self, place: int) -> Iterator[Any]:
        import av

        self._container.seek(place, stream=self._stream)
        for packet in self._packets():
            try:
                frames = packet.decode()
            except MemoryError:
                raise
            except av.FFmpegError:
                continue
            yield from (frame for frame in frames if frame.pts is not None)


@contextlib.contextmanager
def opened(
    source: pathlib.Path | bytes, tick: Callable[[], object] = lambda: None
) -> Iterator[Video]:
    """Opens a video: a file, or the bytes of one. `tick` is called before each of its packets.

    Raises:
      MemoryError: there is not enough.
      UnusableError: it is no video, or none of its frames can be used.
      OSError: the file cannot be read.
    """
    import av

    av.logging.set_level(None)
    tick()
    if isinstance(source, pathlib.Path):
        with source.open("rb") as file:  # so that the system says what is wrong with the file
            is_empty = not file.read(1)
    else:
        is_empty = not source
    if is_empty:
        raise UnusableError(Reason.EMPTY_FILE, "0 bytes")
    try:
        container = av.open(
            io.BytesIO(source) if isinstance(source, bytes) else str(source),
            container_options={"format_whitelist": _FORMATS, "protocol_whitelist": "file"},
            metadata_errors="replace",
        )
    except MemoryError:
        raise
    except av.FFmpegError as error:
        detail = f"no container of video: {error.strerror or error}"
        raise UnusableError(Reason.NOT_A_VIDEO, detail) from error
    with container:
        try:
            yield Video(container, tick)
        except MemoryError:
            raise
        except av.FFmpegError as error:
            raise UnusableError(Reason.CORRUPT, error.strerror or str(error)) from error


def _upright_rgb(frame: Any) -> npt.NDArray[np.uint8]:
    from av.video.reformatter import Interpolation

    if frame.width * frame.height > MAX_PIXELS:
        detail = f"a frame of {frame.width} x {frame.height} pixels, at most {MAX_PIXELS:,}"
        raise UnusableError(Reason.TOO_MANY_PIXELS, detail)
    pixels = frame.reformat(
        format="rgb24",
        # The same on every processor; colour at full resolution, where generators leave traces.
        interpolation=Interpolation.BICUBIC
        | Interpolation.ACCURATE_RND
        | Interpolation.BITEXACT
        | Interpolation.FULL_CHR_H_INT,
        threads=1,
    ).to_ndarray()
    # Phones film as they are held, and say by how many degrees to turn the picture to the left.
    return np.rot90(pixels, round(frame.rotation / 90))
