"""The loop of one phase: train an epoch, save, validate, until early stopping or the last epoch.

The state is that of the checkpoint and nothing else: the order of the examples, their augmentation
and the dropout are functions of (seed, epoch, step).
"""

import dataclasses
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from tfrecords import exits
from trainer import (
    alarms,
    augment,
    checkpoints,
    evaluation,
    events,
    faults,
    interruption,
    models,
    phases,
    planning,
    progress,
    remembered,
    resources,
    steps,
    strategies,
    transaction,
)
from trainer.task import Task


@dataclasses.dataclass(frozen=True)
class Run:
    """What the phases of a run share.

    Attributes:
      directory: of the checkpoints.
      predict: from a split's name to the model's predictions; may raise Interrupted.
    """

    task: Task
    strategy: tf.distribute.Strategy
    classifier: models.Classifier
    counters: checkpoints.Counters
    best: checkpoints.BestWeights
    directory: pathlib.Path
    stop: interruption.Interruption
    announcer: progress.Announcer
    predict: Callable[[str], evaluation.Predictions]
    faults: faults.Faults


class PhaseLoop:
    """Trains one phase: first `restore`, then `run`.

    Args:
      run: what it shares with the other phases.
      phase: its name, length and learning rate.
      epochs_before: of the phases before, so that no epoch's order comes twice.
    """

    def __init__(self, run: Run, phase: phases.Phase, epochs_before: int):
        config = run.task.config
        phases.prepare(phase, run.classifier, pretrained=run.task.weights != "none")
        with run.strategy.scope():
            self._optimizer = phases.optimizer(config, phase, run.task.steps_per_epoch)
            self._optimizer.build(run.classifier.trainable_variables)
        self._run = run
        self._phase = phase
        self._epochs_before = epochs_before
        self._store = checkpoints.PhaseCheckpoints(
            run.directory / phase.name, run.classifier, self._optimizer, run.counters
        )
        self._train_step = steps.TrainStep(
            run.strategy,
            run.classifier,
            self._optimizer,
            augment=augment.POLICIES[config.augment],
            positive=run.task.positive,
            global_batch_size=config.global_batch_size,
            fault=run.faults.in_micro_batch(),
        )
        self._step = transaction.Transaction(
            self._train_step,
            per_replica_batch_size=strategies.per_replica_batch_size(
                run.strategy, config.global_batch_size
            ),
            on_smaller=self._note_smaller_micro_batch,
            remedy=(
                f"Use a smaller --model (received: {config.model}) or --image_size (received: "
                f"{run.task.image_size}), or train fewer layers by a later --fine_tune_from "
                f"(received: {config.fine_tune_from}), in another --run_dir."
            ),
        )
        self._memory_key = planning.memory_key(config, phase, run.task.image_size)
        self._window = progress.Window(config.global_batch_size)

    def restore(self) -> None:
        """Goes on from the newest checkpoint, or saves the phase's first one."""
        counters = self._run.counters
        if not checkpoints.has_any(self._run.directory / self._phase.name):
            counters.start_phase()
            self._choose_micro_batch()
            self._save()
            return
        warning = self._store.restore()
        if warning:
            print(warning, flush=True)
        print(
            f"Resuming after {int(counters.global_step):,} steps: phase {self._phase.name}, "
            f"epoch {int(counters.epoch) + 1}, step {int(counters.step)}.",
            flush=True,
        )
        self._choose_micro_batch()

    def _choose_micro_batch(self) -> None:
        run, counters = self._run, self._run.counters
        self.micro_batch = planning.choose(
            run.task.config,
            run.classifier,
            num_replicas=run.strategy.num_replicas_in_sync,
            saved=int(counters.micro_batch),
            remembered_size=remembered.read(self._memory_key, remembered.default_path()),
        )
        self._train_step.micro_batch = self.micro_batch.size
        counters.micro_batch.assign(self.micro_batch.size)

    def _note_smaller_micro_batch(self, size: int) -> None:
        counters = self._run.counters
        print(
            f"step {int(counters.global_step) + 1}: out of memory with micro-batches of "
            f"{int(counters.micro_batch)}; the step is done again with {size}",
            flush=True,
        )
        counters.micro_batch.assign(size)
        counters.out_of_memory_retries.assign_add(1)
        remembered.write(self._memory_key, size, remembered.default_path())

    @property
    def is_before_validation(self) -> bool:
        """Whether the state is that of an epoch's end, not yet validated."""
        return int(self._run.counters.step) == self._run.task.steps_per_epoch

    def run(self, log: events.EventLog) -> None:
        """Trains to the phase's end.

        Raises:
          Interrupted: a signal came; the state was saved.
        """
        counters, patience = self._run.counters, self._run.task.config.patience
        while int(counters.epoch) < self._phase.epochs and int(counters.stale_epochs) < patience:
            if not self.is_before_validation:
                self._train_epoch(log)
                self._save()
            self._validate(log)
            counters.epoch.assign_add(1)
            counters.start_epoch()

    def _train_epoch(self, log: events.EventLog) -> None:
        config, counters = self._run.task.config, self._run.counters
        for metrics in self._steps():
            self._window.add(metrics)
            counters.step.assign_add(1)
            counters.global_step.assign_add(1)
            step = int(counters.step)
            saves = step % config.checkpoint_steps == 0 or self._run.stop.requested
            if saves or step % config.log_steps == 0 or self.is_before_validation:
                self._log_window(log)
            if saves:
                self._save()
            self._run.stop.check()

    def _steps(self) -> Iterator[dict[str, tf.Tensor]]:
        """Runs the steps that are left of the epoch."""
        counters, task = self._run.counters, self._run.task
        epoch = self._epochs_before + int(counters.epoch)
        batches = task.train_batches(epoch=epoch, start_step=int(counters.step))
        iterator = iter(self._run.strategy.experimental_distribute_dataset(batches))
        for step in range(int(counters.step), task.steps_per_epoch):
            with self._window.waiting():
                batch = _next(iterator)
            self._run.faults.before_step(int(counters.global_step))
            seed = [task.config.seed, epoch * task.steps_per_epoch + step]
            yield self._step(batch, tf.constant(seed, tf.int64))

    def _save(self) -> None:
        self._run.faults.before_save(self._run.directory / self._phase.name)
        self._store.save(int(self._run.counters.global_step))

    def _log_window(self, log: events.EventLog) -> None:
        counters, announcer = self._run.counters, self._run.announcer
        num_steps = len(self._window)
        values = self._window.close()
        seconds = values.pop("seconds")
        counters.note(values, num_steps, seconds)
        announcer.note(num_steps, seconds)
        values["learning_rate"] = float(tf.convert_to_tensor(self._optimizer.learning_rate))
        values["memory_mb"] = counters.note_memory(resources.peak_memory_mb())
        global_step = int(counters.global_step)
        log.scalars("train", global_step, values, phase=self._phase.name, epoch=self._epoch)
        if values["skipped"]:
            print(f"step {global_step}: {values['skipped']:.0f} steps skipped: not finite")
        if announcer.is_due():
            announcer.say(
                f"  step {int(counters.step)}/{self._run.task.steps_per_epoch}"
                f" | loss {values['loss']:.4f}"
                f" | {values['images_per_second']:,.0f} images/s"
                f" | waiting for input {values['input_wait_share']:.0%}",
                global_step,
            )

    @property
    def _epoch(self) -> int:
        """The epoch of the phase as users count it, from 1."""
        return int(self._run.counters.epoch) + 1

    def _validate(self, log: events.EventLog) -> None:
        counters = self._run.counters
        global_step = int(counters.global_step)
        values = self._run.predict("validation").summary()
        log.scalars("validation", global_step, values, phase=self._phase.name, epoch=self._epoch)
        is_best = self._note_best(values)
        trained = counters.epoch_means()
        auc = "" if values["auc"] is None else f", AUC {values['auc']:.4f}"
        self._run.announcer.say(
            f"{self._phase.name} epoch {self._epoch}/{self._phase.epochs}"
            f" | loss {trained['loss']:.4f}, accuracy {trained['accuracy']:.1%}"
            f" | validation loss {values['loss']:.4f}, accuracy {values['accuracy']:.1%}{auc}"
            f"{' (best)' if is_best else ''}",
            global_step,
        )
        for alarm in alarms.find(log.validations()):
            if alarm.step == global_step:
                print(f"ALARM: {alarm.text}.", flush=True)
                log.text("validation", "alarm", global_step, alarm.text)

    def _note_best(self, values: dict[str, float | None]) -> bool:
        """Keeps the weights if they are the best so far; tells whether they are."""
        counters = self._run.counters
        rank = _rank(values, self._run.task.config.monitor)
        if not counters.improves(rank):
            counters.stale_epochs.assign_add(1)
            return False
        counters.best_rank.assign(rank)
        counters.best_step.assign(counters.global_step)
        counters.stale_epochs.assign(0)
        self._run.best.save(int(counters.global_step))
        return True


def _next(iterator: Iterator[Any]) -> Any:
    try:
        return next(iterator)
    except StopIteration:
        raise exits.DataError(
            "The training split holds fewer records than its manifest says: its shards were "
            "changed while they were read. Run the same command again."
        ) from None


def _rank(values: dict[str, float | None], monitor: str) -> tuple[float, float]:
    """Returns what is lower for better weights: the monitored value, then the loss.

    The loss decides between equals: a validation AUC of 1 is soon reached, and better weights are
    still to come.
    """
    loss, value = values["loss"], values[monitor]
    assert loss is not None  # noqa: S101 - it is defined for any split that has examples
    if value is None:
        return float("inf"), loss
    return (value if monitor == "loss" else -value), loss
