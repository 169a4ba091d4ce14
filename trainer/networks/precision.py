"""The numbers that a network reckons in: float32, or half as long beside float32 weights."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

import keras
import tensorflow as tf

FLOAT32, BFLOAT16, FLOAT16, AUTO = "float32", "bfloat16", "float16", "auto"

_WEAKEST_FIRST = (FLOAT32, FLOAT16, BFLOAT16)  # in the order of the GPUs that they need

# CUDA's compute capabilities: tensor cores for float16 came with Volta, for bfloat16 with Ampere.
_FLOAT16_FROM = (7, 0)
_BFLOAT16_FROM = (8, 0)


def resolve(name: str, capabilities: Sequence[tuple[int, int]] | None = None) -> str:
    """Returns the precision that a name stands for on this machine.

    Args:
      name: `auto` or a precision, which stays what it is.
      capabilities: the compute capability of each GPU, of which the lowest decides; by default
        those of this machine. Without a GPU it is float32, as processors gain nothing by less.
    """
    if name != AUTO:
        return name
    found = _capabilities() if capabilities is None else capabilities
    lowest = min(found, default=(0, 0))
    if lowest >= _BFLOAT16_FROM:
        return BFLOAT16
    return FLOAT16 if lowest >= _FLOAT16_FROM else FLOAT32


def of_all_workers(name: str, smallest: Callable[[int], int]) -> str:
    """Returns the precision that a name stands for where several machines train one model.

    Args:
      name: see `resolve`.
      smallest: from this worker's number to the smallest of all workers'.
    """
    return _WEAKEST_FIRST[smallest(_WEAKEST_FIRST.index(resolve(name)))]


def _capabilities() -> list[tuple[int, int]]:
    details = map(tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU"))
    return [detail.get("compute_capability", (0, 0)) for detail in details]


@contextlib.contextmanager
def of_new_layers(name: str) -> Iterator[None]:
    """Has layers that are made meanwhile reckon in a precision; their weights stay float32.

    Layers that are made with a dtype of their own keep it. `keras.applications` takes none.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(FLOAT32 if name == FLOAT32 else f"mixed_{name}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
