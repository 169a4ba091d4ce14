"""Which devices train: a `tf.distribute` strategy by name."""

import functools

import tensorflow as tf

from tfrecords import exits


# A second MirroredStrategy in a process would use the keys of the first one's collectives again.
@functools.cache
def make(name: str, *, logical_cpus: int = 2) -> tf.distribute.Strategy:
    """Returns the strategy of that name.

    `mirrored` takes all GPUs. Where there is none it takes `logical_cpus` devices made out of the
    CPU, which must happen before TensorFlow first computes anything.

    Raises:
      UsageError: TensorFlow has already started with another number of CPU devices.
    """
    if name == "default":
        return tf.distribute.get_strategy()
    gpus = tf.config.list_physical_devices("GPU")
    if name == "one_device":
        return tf.distribute.OneDeviceStrategy("GPU:0" if gpus else "CPU:0")
    if gpus:
        return tf.distribute.MirroredStrategy()
    _split_cpu(logical_cpus)
    return tf.distribute.MirroredStrategy([f"CPU:{index}" for index in range(logical_cpus)])


def describe(strategy: tf.distribute.Strategy) -> str:
    """Returns what a user wants to know of the devices: how many, of which kind."""
    count = strategy.num_replicas_in_sync
    replicas = "1 replica" if count == 1 else f"{count} replicas"
    if tf.config.list_physical_devices("GPU"):
        return f"{replicas} on GPU"
    if count == 1:
        return f"{replicas} on the CPU (no GPU was found)"
    return f"{replicas} on logical CPU devices (no GPU was found)"


def per_replica_batch_size(strategy: tf.distribute.Strategy, global_batch_size: int) -> int:
    """Returns the batch size of each replica.

    Raises:
      UsageError: the replicas do not divide the global batch.
    """
    replicas = strategy.num_replicas_in_sync
    if global_batch_size % replicas:
        below = global_batch_size - global_batch_size % replicas
        remedy = f"{below} or {below + replicas}" if below else str(replicas)
        raise exits.UsageError(
            f"--global_batch_size must be a multiple of the {replicas} replicas. "
            f"Received: {global_batch_size}. Use {remedy}."
        )
    return global_batch_size // replicas


def _split_cpu(count: int) -> None:
    cpus = tf.config.list_physical_devices("CPU")
    if len(tf.config.get_logical_device_configuration(cpus[0]) or [None]) == count:
        return
    try:
        tf.config.set_logical_device_configuration(
            cpus[0], [tf.config.LogicalDeviceConfiguration()] * count
        )
    except RuntimeError as error:
        raise exits.UsageError(
            f"TensorFlow has started already, so that --logical_cpus={count} comes too late. "
            "Make the strategy before anything is computed."
        ) from error
