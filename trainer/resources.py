"""What a run takes of the machine."""

import resource
import sys

import tensorflow as tf

_RSS_UNIT = 1 if sys.platform == "darwin" else 1 << 10  # bytes; Linux counts KiB


def peak_memory_mb() -> float:
    """Returns the highest memory so far, in MB: of the busiest GPU, else of this process."""
    gpus = tf.config.list_logical_devices("GPU")
    if gpus:
        peaks = [
            tf.config.experimental.get_memory_info(f"GPU:{index}")["peak"]
            for index in range(len(gpus))
        ]
        return max(peaks) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT / 1e6
