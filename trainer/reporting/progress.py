"""How fast a run is, and how long it will take: numbers for the log, lines for the user."""

import contextlib
import time
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tfrecords import progress_line


class Window:
    """The steps since the last line of the log.

    A step's numbers stay on the device until the window is closed, so that logging does not make
    the device wait at each step.
    """

    def __init__(self, global_batch_size: int):
        self._global_batch_size = global_batch_size
        self._seconds_per_step = float("inf")
        self._start()

    def is_quicker_than(self, seconds: float) -> bool:
        """Tells whether a step of the last window took less."""
        return self._seconds_per_step < seconds

    def _start(self) -> None:
        self._steps: list[dict[str, tf.Tensor]] = []
        self._waited = 0.0
        self._since = time.perf_counter()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Counts the time inside as spent waiting for input."""
        start = time.perf_counter()
        yield
        self._waited += time.perf_counter() - start

    @contextlib.contextmanager
    def left_out(self) -> Iterator[None]:
        """Counts the time inside as none of training: it comes once, and says nothing of others."""
        start = time.perf_counter()
        yield
        self._since += time.perf_counter() - start

    def add(self, metrics: dict[str, tf.Tensor]) -> None:
        """Takes the scalars of a step."""
        self._steps.append(metrics)

    def __len__(self) -> int:
        return len(self._steps)

    def close(self) -> tuple[dict[str, float], np.ndarray, np.ndarray]:
        """Returns the means over the window and its speed, and each step's; then starts anew.

        Steps that were skipped count in no mean. The speed is in images a second of all replicas.
        Steps that overflowed, which a loss scale is made for, are skipped too, and counted apart.

        Returns:
          The means; the loss of each step, float64 [steps]; whether it was skipped for another
          reason than an overflow, bool [steps].
        """
        columns = {
            name: np.array([float(step[name]) for step in self._steps]) for name in self._steps[0]
        }
        seconds = time.perf_counter() - self._since
        taken = columns["skipped"] == 0
        values = {
            name: float(column[taken].mean()) if taken.any() else float("nan")
            for name, column in columns.items()
        }
        values["skipped"] = float((~taken).sum())
        values["images_per_second"] = len(self) * self._global_batch_size / seconds
        values["input_wait_share"] = self._waited / seconds
        values["seconds"] = seconds
        overflowed = columns.get("overflowed", np.zeros(len(self))) == 1
        if "loss_scale" in columns:
            values["overflowed"] = float(overflowed.sum())
            values["loss_scale"] = float(columns["loss_scale"][-1])
        self._seconds_per_step = seconds / len(self)
        self._start()
        return values, columns["loss"], ~taken & ~overflowed


class Announcer:
    """Says now and then how far a run is, with the time that is left.

    Args:
      total_steps: of all phases.
    """

    def __init__(self, total_steps: int):
        self._total_steps = total_steps
        self._line = progress_line.ProgressLine()
        self._seconds = 0.0
        self._steps = 0

    def in_place(self) -> contextlib.AbstractContextManager[None]:
        """Inside, what `tell` says is one line that is rewritten, where there is a terminal."""
        return self._line.in_place()

    def note(self, steps: int, seconds: float) -> None:
        """Counts steps that took so long, for the estimate."""
        self._steps += steps
        self._seconds += seconds

    def is_due(self) -> bool:
        """Whether the user has waited long enough for `tell`."""
        return self._line.is_due()

    def tell(self, text: str, global_step: int, *further: str) -> None:
        """Says how far the run is: the text, what is left, and what a narrow terminal may cut."""
        left = self._left(global_step)
        self._line.tell(" | ".join([text, *([f"{left} left"] if left else []), *further]))

    def tell_share(self, text: str, num_done: int, num_images: int) -> None:
        """Says how far it is with something beside training, if the user has waited long enough."""
        if self._line.is_due():
            self._line.tell(f"{text}: {min(num_done, num_images):,} of {num_images:,} images")

    def show(self, text: str) -> None:
        """Shows on a terminal what is done now, before there is anything to count."""
        self._line.show(text)

    def say(self, text: str, global_step: int) -> None:
        """Prints a line that stays: the text, and what is left after `global_step`, at the most."""
        left = self._left(global_step)
        self._line.say(f"{text} | {left} left at most" if left else text)

    def _left(self, global_step: int) -> str | None:
        left = self._total_steps - global_step
        if not self._steps or left <= 0:
            return None
        return clock(left * self._seconds / self._steps)


def clock(seconds: float) -> str:
    """Returns `1:02:03` or `2:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
