"""Shows how far a build is: a line that is rewritten, or one every ten seconds."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from tfrecords import progress_line

POLL_SECONDS = 0.3


@contextlib.contextmanager
def shown(what: str, total: int, count: Callable[[], int], unit: str = "images") -> Iterator[None]:
    """Shows the progress of work that goes on in the body, on any runner.

    Args:
      what: a verb, such as "Scanning".
      total: the number of images that the work is about.
      count: tells how many are done; called from another thread.
      unit: what is counted.
    """
    stop = threading.Event()
    watcher = threading.Thread(
        target=_watch_while_read, args=(what, total, count, unit, stop), daemon=True
    )
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()


def _watch_while_read(
    what: str, total: int, count: Callable[[], int], unit: str, stop: threading.Event
) -> None:
    with contextlib.suppress(BrokenPipeError):  # nobody reads it any more; the work goes on
        _watch(what, total, count, unit, stop)


def _watch(
    what: str, total: int, count: Callable[[], int], unit: str, stop: threading.Event
) -> None:
    shown = progress_line.ProgressLine()
    start, first = time.monotonic(), count()
    with shown.in_place():
        while not stop.wait(POLL_SECONDS):
            if shown.is_due():
                finished, seconds = count(), time.monotonic() - start
                shown.tell(line(what, finished, total, finished - first, seconds, unit))


def line(
    what: str, finished: int, total: int, new: int, seconds: float, unit: str = "images"
) -> str:
    """Returns such as `Writing 512 of 2,400 images, 102 images/s, 0:18 left`.

    Args:
      what: a verb.
      finished: images that are done.
      total: images in all.
      new: images that were done in the last `seconds`.
      seconds: since the work began.
      unit: what is counted, instead of images.
    """
    text = f"{what} {finished:,} of {total:,} {unit}"
    if new <= 0:
        return text
    rate = new / seconds
    minutes, rest = divmod(round((total - finished) / rate), 60)
    shown = f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"
    return f"{text}, {shown} {unit}/s, {minutes}:{rest:02d} left"
