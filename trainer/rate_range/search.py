"""The program behind `trainer.find_learning_rate`: a training whose rate rises until it fails."""

import dataclasses
import itertools
import pathlib
import shlex
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from tfrecords import dataset, exits, reader, settings
from trainer import choices, strategies
from trainer import config as configs
from trainer.augment import policies
from trainer.capacity import planning, remembered
from trainer.networks import precision, pretrained
from trainer.rate_range import curve
from trainer.reporting import plots, progress
from trainer.running import loss_scale, phases, steps, transaction
from trainer.task import Task


@dataclasses.dataclass(frozen=True)
class RangeConfig:
    """What the range test is told beside the flags of the training.

    Raises:
      UsageError: a value is out of range, or two contradict each other.
    """

    range_steps: int = settings.number(300, 20, 100_000, "Steps of the test at most.")
    lowest_rate: float = settings.number(1e-5, 1e-12, 10, "The learning rate of the first step.")
    highest_rate: float = settings.number(1.0, 1e-12, 100, "The learning rate of the last step.")
    picture: str | None = settings.text(
        None, "Where the picture goes; default: learning_rate_<model>.png."
    )

    def __post_init__(self) -> None:
        settings.check(self)
        if self.lowest_rate >= self.highest_rate:
            raise exits.UsageError(
                "--lowest_rate must be below --highest_rate. Received: "
                f"--lowest_rate={self.lowest_rate:g} --highest_rate={self.highest_rate:g}."
            )
        if self.picture is not None and not self.picture.endswith(".png"):
            raise exits.UsageError(
                f"--picture must be the name of a .png file. Received: {self.picture!r}."
            )


def find(config: configs.TrainConfig, test: RangeConfig) -> curve.Suggestion:
    """Trains the first phase with a rising learning rate, and says which one to use.

    Model, images, order, augmentation and optimizer are those of the training. No weights are
    kept.

    Raises:
      UsageError, DataError, MachineError: as of a training.
    """
    if config.strategy not in choices.STRATEGIES_OF_ONE_PROCESS:
        raise exits.UsageError(
            "A learning rate is looked for in one process; it holds for the same "
            f"--global_batch_size anywhere. Received: --strategy={config.strategy}. Use mirrored."
        )
    with dataset.reading(pathlib.Path(config.data_dir), config.dataset, config.version) as source:
        task = Task(config, reader.hold_out(source, config.validation_fraction))
        strategy = strategies.make(
            config.strategy, logical_cpus=config.logical_cpus, devices=config.device_indices
        )
        strategies.per_replica_batch_size(strategy, config.global_batch_size)
        phase = phases.plan(config)[0]
        tried = curve.rates(test.lowest_rate, test.highest_rate, test.range_steps)
        print(
            f"Phase {phase.name} of {config.model} at {task.image_size} px: learning rates from "
            f"{test.lowest_rate:g} to {test.highest_rate:g} in {test.range_steps} steps of "
            f"{config.global_batch_size} images",
            flush=True,
        )
        losses = _losses(task, strategy, phase, tried)
    found = curve.suggest(tried[: len(losses)], losses, test.range_steps)
    path = pathlib.Path(test.picture or f"learning_rate_{config.model}.png")
    smoothed = curve.smooth(losses, test.range_steps)
    picture = plots.learning_rates(tried, losses[: len(smoothed)], smoothed, found.rate)
    path.write_bytes(plots.to_png(picture))
    print(_in_words(found, config, phase, test), f"Picture: {path}", sep="\n", flush=True)
    return found


def _losses(
    task: Task, strategy: tf.distribute.Strategy, phase: phases.Phase, tried: np.ndarray
) -> list[float]:
    """Returns the loss of each step, up to the one that diverges."""
    keras.utils.set_random_seed(task.config.seed)
    rate = tf.Variable(0.0, trainable=False)
    step = _step(task, strategy, phase, rate)
    announcer, losses = progress.Announcer(len(tried)), list[float]()
    batches = zip(tried, _batches(task, strategy), strict=False)
    with announcer.in_place():
        for index, (learning_rate, batch) in enumerate(batches):
            rate.assign(learning_rate)
            seed = tf.constant([task.config.seed, index], tf.int64)
            losses.append(float(step(batch, seed)["loss"]))
            if announcer.is_due():
                text = f"  learning rate {learning_rate:.1e} | loss {losses[-1]:.4f}"
                announcer.tell(text, index)
            if curve.has_diverged(losses):
                break
    return losses


def _step(
    task: Task, strategy: tf.distribute.Strategy, phase: phases.Phase, rate: tf.Variable
) -> transaction.Transaction:
    """Returns a step of the phase, whose learning rate is that of a variable."""
    config, replicas = task.config, strategy.num_replicas_in_sync
    by_one = dataclasses.replace(phase, learning_rate=1.0)
    constant = dataclasses.replace(
        config,
        schedule="constant",
        warmup_epochs=0,
        decay_epochs=configs.TrainConfig.decay_epochs,
        decay_factor=configs.TrainConfig.decay_factor,
    )
    with strategy.scope():
        with precision.of_new_layers(task.precision):
            classifier = pretrained.build(task.model_spec, task.weights)
        phases.prepare(
            phase,
            classifier,
            pretrained=task.weights != "none",
            batch_norm=config.batch_norm,
            remat=config.remat,
        )
        optimizer = phases.optimizer(constant, by_one, task.steps_per_epoch, rate)
        optimizer.build(classifier.trainable_variables)
        scale = loss_scale.LossScale() if task.precision == precision.FLOAT16 else None
        update = phases.update(config, phase, classifier, optimizer, average=None)
    key = planning.memory_key(config, phase, task.image_size)
    micro_batch = planning.choose(
        config,
        planning.estimate(config, classifier, replicas),
        num_replicas=replicas,
        remembered_size=remembered.read(key, remembered.default_path()),
    )
    step = steps.TrainStep(
        strategy,
        classifier,
        update,
        augment=policies.POLICIES[config.augment],
        loss=task.loss,
        global_batch_size=config.global_batch_size,
        micro_batch=micro_batch.size,
        loss_scale=scale,
    )
    return transaction.Transaction(
        step,
        per_replica_batch_size=config.global_batch_size // replicas,
        on_smaller=lambda size: print(f"out of memory; the step is done again with {size}"),
        remedy=lambda: "Use a smaller --model or --image_size.",
    )


def _batches(task: Task, strategy: tf.distribute.Strategy) -> Iterator[steps.Batch]:
    """Yields the batches of training, epoch after epoch."""
    for epoch in itertools.count():
        yield from strategy.experimental_distribute_dataset(task.train_batches(epoch=epoch))


def _in_words(
    found: curve.Suggestion,
    config: configs.TrainConfig,
    phase: phases.Phase,
    test: RangeConfig,
) -> str:
    diverges = (
        f"The loss does not diverge up to {test.highest_rate:g}."
        if found.diverges is None
        else f"The loss diverges at {found.diverges:.1e}."
    )
    if found.rate is None:
        return (
            f"{diverges} Before, it has not fallen by more than noise: this test says nothing. Use "
            f"more --range_steps (received: {test.range_steps}) or a larger --global_batch_size "
            f"(received: {config.global_batch_size})."
        )
    flag = "fine_tune_learning_rate" if phase.name.startswith("fine_tune") else "learning_rate"
    return (
        f"{diverges} It falls fastest at {found.steepest:.1e} and is lowest at {found.lowest:.1e}. "
        f"Suggested: {found.rate:g}, with a warm-up. Type:\n  {command(config, flag, found.rate)}"
    )


def command(config: configs.TrainConfig, flag: str, value: float) -> str:
    """Returns the shortest command that trains as `config` says, but for one flag."""
    changed = config.difference(configs.TrainConfig().lasting())
    values = {name: own for name, (_, own) in changed.items()} | {flag: value}
    words = [
        f"--{name}={str(own).lower() if isinstance(own, bool) else own}"
        for name, own in values.items()
    ]
    return shlex.join(["python", "-m", "trainer.main", *words])
