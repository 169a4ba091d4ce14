"""Which errors of TensorFlow mean that a device has no memory left."""

import re

import tensorflow as tf

_ALLOCATION_FAILED = re.compile(
    "Dst tensor is not initialized|Failed copying input tensor|CUDA_ERROR_OUT_OF_MEMORY"
)
# oneDNN names its status by number; 1 is dnnl_out_of_memory.
_ONEDNN_OUT_OF_MEMORY = re.compile(r"Operation received an exception:\s*Status: 1\b")
# After these the device is in a state that nobody knows, whatever else the message says.
_BROKEN = re.compile("illegal memory access|CUDNN_STATUS_INTERNAL")
_DISK_FULL = "No space left on device"  # has the same class as memory that is used up


def is_out_of_memory(error: BaseException) -> bool:
    """Tells whether an error means that the same work in smaller pieces may succeed."""
    text = str(error)
    if _BROKEN.search(text) or _DISK_FULL in text:
        return False
    if isinstance(error, tf.errors.ResourceExhaustedError):
        return True
    if isinstance(error, tf.errors.InternalError):
        return _ALLOCATION_FAILED.search(text) is not None
    if isinstance(error, tf.errors.NotFoundError):
        return "No algorithm worked!" in text and "ALLOC_FAILED" in text
    if isinstance(error, tf.errors.AbortedError):
        return _ONEDNN_OUT_OF_MEMORY.search(text) is not None
    return False
