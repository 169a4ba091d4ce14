"""Imports of large libraries, without the work that Python does beside them."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Spares the garbage collector what is imported inside: it stays, and is much to look through.

    It costs a sixth to a third of the time of the imports, and some of each collection afterwards.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
    gc.freeze()
