"""How a process of a training comes to its devices, and to its fellow workers if there are any."""

import functools

import tensorflow as tf

from tfrecords import dataset
from trainer import config as configs
from trainer import run_directory, strategies
from trainer.running import interruption, pulse
from trainer.workers import cluster, meeting

# The weights file is the chief's alone.
_MAY_DIFFER = {*run_directory.MAY_CHANGE, "weights"}


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
    if config.strategy == strategies.MULTI_WORKER:
        told = {name: v for name, v in config.lasting().items() if name not in _MAY_DIFFER}
        meeting.Meeting(
            cluster.from_environment(),
            {**told, "contents of the dataset": source.manifest.plan_digest},
            check=functools.partial(stop.check, lambda flag: (flag,)),
            on_end=lambda: heart.tell(pulse.AGAIN),
        ).wait_for_all()
    with stop.at_rest(lambda: None):
        strategy = strategies.make(
            config.strategy, logical_cpus=config.logical_cpus, devices=config.device_indices
        )
    stop.take_signals_again()
    return strategy
