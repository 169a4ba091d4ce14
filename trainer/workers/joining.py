"""How a process of a training comes to its devices, and to its fellow workers if there are any."""

import contextlib
import functools
from collections.abc import Callable, Iterator

import tensorflow as tf

from tfrecords import dataset, exits
from trainer import config as configs
from trainer import run_directory, signals, strategies
from trainer.running import interruption, pulse
from trainer.workers import cluster, meeting

CONNECTING_SECONDS = 300  # in which TensorFlow must find its devices and the other workers
# The weights file is the chief's alone.
_MAY_DIFFER = {*run_directory.MAY_CHANGE, "weights"}


@contextlib.contextmanager
def calling_off(config: configs.TrainConfig, stop: interruption.Interruption) -> Iterator[None]:
    """Tells the other workers, if there are any, of an error for which this one does not join.

    Raises:
      UsageError: see `cluster.from_environment`.
    """
    if config.strategy != strategies.MULTI_WORKER:
        yield
        return
    own = cluster.from_environment()
    try:
        yield
    except exits.ERRORS as error:
        meeting.Meeting(own, check=_check(stop)).call_off(error)
        raise


def join(
    config: configs.TrainConfig,
    source: dataset.Dataset,
    stop: interruption.Interruption,
    heart: pulse.Pulse,
) -> tf.distribute.Strategy:
    """Returns the strategy, once all of its workers are there and have been told the same.

    Raises:
      UsageError, MachineError: see `strategies.make` and `meeting.Meeting`.
      Interrupted: a signal came, or a worker did not.
    """
    make = functools.partial(
        strategies.make,
        config.strategy,
        logical_cpus=config.logical_cpus,
        devices=config.device_indices,
    )
    if config.strategy != strategies.MULTI_WORKER:
        with stop.at_rest(lambda: None):
            return make()
    with calling_off(config, stop):
        replicas = strategies.num_replicas(config.strategy, devices=config.device_indices)
    told = {name: v for name, v in config.lasting().items() if name not in _MAY_DIFFER}
    told |= {"contents of the dataset": source.manifest.plan_digest, "replicas": replicas}
    meeting.Meeting(
        cluster.from_environment(),
        told,
        check=_check(stop),
        on_end=lambda: heart.tell(pulse.AGAIN),
    ).wait_for_all()
    heart.tell(pulse.LONG)
    print(
        f"All workers are here. TensorFlow connects them, in {CONNECTING_SECONDS / 60:g} minutes "
        "at most.",
        flush=True,
    )
    # One may be lost now, too, and TensorFlow would wait for it far longer.
    with stop.at_rest(lambda: None), stop.held_back(), signals.ended_after(CONNECTING_SECONDS):
        return make()


def _check(stop: interruption.Interruption) -> Callable[[], None]:
    """Returns what leaves if this process is to stop, whatever the others do."""
    return functools.partial(stop.check, lambda flag: (flag,))
