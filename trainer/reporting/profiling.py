"""A profile of some steps, for TensorBoard's Profile tab: `--profile_steps=10,15`."""

import pathlib

import tensorflow as tf

from tfrecords import exits


def parse(text: str | None) -> tuple[int, int] | None:
    """Returns the first and the last step of `--profile_steps`, counted from 1 over all phases.

    Raises:
      UsageError: it is no such pair.
    """
    if text is None:
        return None
    words = [word.strip() for word in text.split(",")]
    bounds = [int(word) for word in words if word.isdecimal()]
    if len(words) != 2 or len(bounds) != 2 or not 1 <= bounds[0] <= bounds[1]:
        raise exits.UsageError(
            "--profile_steps must be a first step, from 1, and a last one, such as 10,15. "
            f"Received: {text!r}."
        )
    return bounds[0], bounds[1]


class Window:
    """Profiles the steps from the first to the last.

    Args:
      bounds: of `parse`; None for no profile.
      directory: of TensorBoard's files.
    """

    def __init__(self, bounds: tuple[int, int] | None, directory: pathlib.Path):
        self._bounds = bounds
        self._directory = directory
        self._is_open = False

    def is_near(self, done: int, count: int) -> bool:
        """Tells whether one of the next `count` steps is profiled, when so many are done."""
        if self._bounds is None:
            return False
        first, last = self._bounds
        return self._is_open or (done < last and first <= done + count)

    def before_step(self, done: int) -> None:
        """Begins the profile where it is time to."""
        if self._bounds is not None and self._bounds[0] <= done + 1 <= self._bounds[1]:
            if not self._is_open:
                tf.profiler.experimental.start(str(self._directory))
            self._is_open = True

    def after_step(self, done: int) -> None:
        """Ends the profile where it is time to, and says where it lies."""
        if self._is_open and self._bounds is not None and done >= self._bounds[1]:
            self.close()

    def close(self) -> None:
        """Ends a profile that is not over yet, at the end of a phase or of the process."""
        if not self._is_open:
            return
        tf.profiler.experimental.stop()
        self._is_open = False
        print(
            f"The profile of the steps lies in {self._directory / 'plugins' / 'profile'}; "
            "TensorBoard shows it after pip install tensorboard-plugin-profile.",
            flush=True,
        )
