"""Imports TensorFlow without its messages about drivers that a machine lacks.

They are written by C++ before its log levels are known, so that no setting silences them. The
threads that it starts are kept from signals: see `signals`.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from absl import logging

from tfrecords import imports, progress_line
from trainer import signals


@contextlib.contextmanager
def tensorflow(level: str = "WARNING") -> Iterator[None]:
    """Inside, modules that import TensorFlow are imported; `level` is what it says from then on.

    It takes seconds, in which a terminal shows what they are spent on.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # Keras imports Matplotlib. A notebook tells what it starts to use a backend of its own, which
    # only the notebook's Python has.
    os.environ["MPLBACKEND"] = "agg"
    with (
        _shown("Loading TensorFlow"),
        native_stderr(),
        imports.uncollected(),
        signals.kept_from_new_threads(),
    ):
        import tensorflow as tf

        yield
        tf.config.list_physical_devices()  # looks for drivers, and says so
    logging.set_verbosity(logging.WARNING)
    tf.get_logger().setLevel(level)


def half_precision() -> None:
    """Lets TensorFlow say that the processor lacks instructions for float16 where nobody hears it.

    It says so once in a process, as an error, and reckons well without them.
    """
    import tensorflow as tf

    with native_stderr():
        tf.function(lambda number: tf.cast(number, tf.float16))(tf.zeros(1))


@contextlib.contextmanager
def _shown(text: str) -> Iterator[None]:
    line = progress_line.ProgressLine()
    with line.in_place():
        line.show(text)
        yield


@contextlib.contextmanager
def native_stderr() -> Iterator[None]:
    """Holds back what native code writes to standard error; shows it if an exception leaves."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
