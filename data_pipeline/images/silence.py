"""Keeps libraries that open foreign bytes from warning of what they see."""

import contextlib
import threading
import warnings


class _Silence:
    """Silences Pillow's warnings; `warnings.catch_warnings` alone breaks when threads overlap."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._num_inside = 0
        self._saved = contextlib.ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._num_inside:
                self._saved.enter_context(warnings.catch_warnings())
                warnings.filterwarnings("ignore", module=r"PIL\b")
            self._num_inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._num_inside -= 1
            if not self._num_inside:
                self._saved.close()


PILLOW = _Silence()
