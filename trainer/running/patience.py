"""How long a training may give no sign of life before it is taken to hang; pure."""

from trainer.running import pulse

MOST_SECONDS = 3600.0  # for what nobody knows the length of: the start, tracing, the report
LEAST_SECONDS = 300.0  # however fast the steps are: a disk or a network may stand still for a while
FACTOR = 20  # times the slowest step so far


class Patience:
    """How long to wait for the next sign of life.

    Args:
      now: in seconds, as all times here.
      least: for a step.
      most: for what nobody knows the length of, as the start.
    """

    def __init__(self, now: float, *, least: float = LEAST_SECONDS, most: float = MOST_SECONDS):
        self._last = now
        self._least = least
        self._most = most
        self._is_long = True
        self._slowest = 0.0

    def note(self, sign: str, now: float) -> None:
        """Takes a sign of life: a step that is done, or the beginning of something long."""
        if sign == pulse.STEP and not self._is_long:
            self._slowest = max(self._slowest, now - self._last)
        self._is_long = sign != pulse.STEP
        self._last = now

    @property
    def seconds(self) -> float:
        """The time that may pass between two signs."""
        return self._most if self._is_long else max(self._least, FACTOR * self._slowest)

    @property
    def deadline(self) -> float:
        """When it is over."""
        return self._last + self.seconds
