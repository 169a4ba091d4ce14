"""Which devices train: a `tf.distribute` strategy by name."""

import contextlib
import functools
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf

from tfrecords import exits
from trainer.workers import cluster

MULTI_WORKER = "multi_worker_mirrored"
CENTRAL_STORAGE = "central_storage"


def make(
    name: str, *, logical_cpus: int = 2, devices: Sequence[int] = ()
) -> tf.distribute.Strategy:
    """Returns the strategy of that name; always the same one for the same devices.

    Where there is no GPU, `mirrored` and `central_storage` take devices made out of the CPU, which
    must happen before TensorFlow first computes anything; so must the making of
    `multi_worker_mirrored`, which waits for the other workers of TF_CONFIG: see `workers.meeting`.

    Args:
      name: `default`, `one_device`, `mirrored`, `central_storage` or `multi_worker_mirrored`.
      logical_cpus: how many devices are made out of the CPU.
      devices: the indices of those to take, of the GPUs or else of the devices of the CPU; by
        default all of them, and for `one_device` the first.

    Raises:
      UsageError: there is no such device, or TensorFlow has already started with another number of
        CPU devices, or TF_CONFIG does not say who the workers are.
    """
    if name == "default":
        return tf.distribute.get_strategy()
    if name == MULTI_WORKER:
        return _of_workers(tuple(devices))
    several = name != "one_device"
    if len(devices) > 1 and not several:
        raise exits.UsageError(
            "--strategy=one_device takes one of --devices. Received: "
            f"{','.join(map(str, devices))}. Use one, or --strategy=mirrored."
        )
    names = _device_names(logical_cpus if several else 1)
    return _on(name, _chosen(names, devices) or (names if several else names[:1]))


def num_replicas(name: str, *, logical_cpus: int = 2, devices: Sequence[int] = ()) -> int:
    """Returns the number of replicas of that strategy, without waiting for other workers."""
    if name != MULTI_WORKER:
        return make(name, logical_cpus=logical_cpus, devices=devices).num_replicas_in_sync
    return cluster.from_environment().count * len(
        _chosen(_device_names(1), devices) or _device_names(1)
    )


@functools.cache
def _of_workers(devices: tuple[int, ...]) -> tf.distribute.Strategy:
    gpus = _chosen(tf.config.list_physical_devices("GPU"), devices)
    if gpus:
        tf.config.set_visible_devices(list(gpus), "GPU")
    return tf.distribute.MultiWorkerMirroredStrategy()


def _chosen(there: Sequence[Any], devices: Sequence[int]) -> tuple[Any, ...]:
    if any(index >= len(there) for index in devices):
        names = ", ".join(getattr(device, "name", device) for device in there) or "no GPU"
        raise exits.UsageError(
            f"--devices must be indices of those that are there: {names}. "
            f"Received: {','.join(map(str, devices))}."
        )
    return tuple(there[index] for index in devices)


# A second MirroredStrategy in a process would use the keys of the first one's collectives again.
@functools.cache
def _on(name: str, devices: tuple[str, ...]) -> tf.distribute.Strategy:
    if name == "one_device":
        return tf.distribute.OneDeviceStrategy(devices[0])
    if name == CENTRAL_STORAGE:
        return _CentralStorage(devices, "CPU:0")
    return tf.distribute.MirroredStrategy(devices)


class _CentralStorage(tf.distribute.experimental.CentralStorageStrategy):
    """All variables in the memory of the host, for whose sake the replicas need less of their own.

    Those that the replicas themselves assign, such as the statistics of batch norm, take the first
    replica's value: synchronised, they are the same on all. What a backbone's own layers draw is
    the same on all replicas, too, as they share its state.
    """

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        with super().scope(), tf.variable_creator_scope(_of_first_replica):
            yield


def _of_first_replica(create: Any, **options: Any) -> Any:
    """Creates a variable that replicas may assign; Keras says of none how that is to be done."""
    if options.get("aggregation") in (None, tf.VariableAggregation.NONE):
        options["aggregation"] = tf.VariableAggregation.ONLY_FIRST_REPLICA
    return create(**options)


def have_one_copy(strategy: tf.distribute.Strategy) -> bool:
    """Tells whether the replicas share each variable, even one that is to be read by each alone."""
    return isinstance(strategy, _CentralStorage)


def describe(strategy: tf.distribute.Strategy) -> str:
    """Returns what a user wants to know of the devices: how many, of which kind."""
    count = strategy.num_replicas_in_sync
    replicas = "1 replica" if count == 1 else f"{count} replicas"
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
        return f"{replicas} on {kind} of {cluster.from_environment().count} workers"
    if tf.config.list_physical_devices("GPU"):
        return f"{replicas} on GPU"
    if count == 1:
        return f"{replicas} on the CPU (no GPU was found)"
    return f"{replicas} on logical CPU devices (no GPU was found)"


def distribute(
    strategy: tf.distribute.Strategy, batches: tf.data.Dataset, num_workers: int = 1
) -> tf.distribute.DistributedDataset:
    """Returns batches whose rows are shared out to the replicas.

    Args:
      strategy: where they go.
      batches: dictionaries of whole global batches; with several workers, of this worker's rows.
      num_workers: of the strategy.
    """
    if num_workers == 1:
        return strategy.experimental_distribute_dataset(batches)
    rows = next(iter(batches.element_spec.values())).shape[0]
    local = rows * num_workers // strategy.num_replicas_in_sync
    return strategy.distribute_datasets_from_function(lambda _: batches.rebatch(local))


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


def _device_names(logical_cpus: int) -> tuple[str, ...]:
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        return tuple(f"GPU:{index}" for index in range(len(gpus)))
    if logical_cpus > 1:
        _split_cpu(logical_cpus)
    return tuple(f"CPU:{index}" for index in range(logical_cpus))


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
