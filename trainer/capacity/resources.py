"""What a run takes of the machine, and what the machine has."""

import os
import pathlib
import resource
import subprocess
import sys

import tensorflow as tf

_RSS_UNIT = 1 if sys.platform == "darwin" else 1 << 10  # bytes; Linux counts KiB
# What a container may use at most: control groups, version 2 and 1.
_CONTAINER_LIMITS = (
    pathlib.Path("/sys/fs/cgroup/memory.max"),
    pathlib.Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


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


def process_memory_mb() -> float:
    """Returns the memory of this process now, in MB; its peak where the system does not tell."""
    try:
        pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT / 1e6
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def device_name() -> str:
    """Returns what kind of device trains: a GPU's name, or `CPU`."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return "CPU"
    return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU"))


def device_memory(num_replicas: int) -> int | None:
    """Returns the bytes that a replica has: those of its GPU, or its share of the machine's.

    It is what the device has, not what is free, so that the same command plans the same each time.
    None where the driver does not tell.
    """
    if tf.config.list_physical_devices("GPU"):
        return _gpu_memory()
    return host_memory() // num_replicas


def host_memory() -> int:
    """Returns the bytes of the machine's memory, or of the container's if that is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in _CONTAINER_LIMITS:
        if path.exists() and (text := path.read_text().strip()).isdecimal():
            total = min(total, int(text))
    return total


def free_memory() -> int | None:
    """Returns the bytes of the machine's memory that are free, or None where it does not tell.

    A container may be left less; then it is that.
    """
    try:
        lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    free = [int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")]
    if not free:
        return None
    return min(free[0], host_memory() - int(process_memory_mb() * 1e6))


def _gpu_memory() -> int | None:
    """Returns the memory of the smallest GPU; TensorFlow itself does not tell it."""
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
        return min(int(line) for line in done.stdout.split()) << 20  # it counts MiB
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
