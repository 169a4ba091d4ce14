"""The loop of one phase: train an epoch, save, validate, until early stopping or the last epoch.

The state is that of the checkpoint and nothing else: the order of the examples, their augmentation
and the dropout are functions of (seed, epoch, step).
"""

import contextlib
import time

import numpy as np
import tensorflow as tf

from tfrecords import exits
from trainer import run_directory
from trainer.augment import policies
from trainer.capacity import resources
from trainer.networks import precision
from trainer.reporting import events, progress
from trainer.running import (
    checkpoints,
    diagnosis,
    epoch_steps,
    loss_scale,
    phases,
    pulse,
    recovery,
    sizing,
    steps,
    transaction,
    validation,
)
from trainer.running.run import Run


class PhaseLoop:
    """Trains one phase: first `restore`, then `run`.

    Args:
      run: what it shares with the other phases.
      phase: its name, length and learning rate.
      epochs_before: of the phases before, so that no epoch's order comes twice.
    """

    def __init__(self, run: Run, phase: phases.Phase, epochs_before: int):
        config = run.task.config
        phases.prepare(
            phase,
            run.classifier,
            pretrained=run.task.weights != "none",
            batch_norm=config.batch_norm,
            remat=config.remat,
        )
        with run.strategy.scope():
            self._optimizer = phases.optimizer(
                config, phase, run.task.steps_per_epoch, run.counters.rate_scale
            )
            self._optimizer.build(run.classifier.trainable_variables)
            self._average = phases.average(config, run.classifier)
            scale = loss_scale.LossScale() if run.task.precision == precision.FLOAT16 else None
            update = phases.update(config, phase, run.classifier, self._optimizer, self._average)
        # A schedule is some twenty operations, which one by one take longer than a step may.
        self._learning_rate = tf.function(
            lambda: tf.convert_to_tensor(self._optimizer.learning_rate), autograph=False
        )
        self._run = run
        self._phase = phase
        self._epochs_before = epochs_before
        self._sizing = sizing.Sizing(run, phase)
        self._store = checkpoints.PhaseCheckpoints(
            run.directory / phase.name,
            run.classifier,
            self._optimizer,
            run.counters,
            run.workers,
            average=self._average,
            loss_scale=scale,
        )
        self._train_step = steps.TrainStep(
            run.strategy,
            run.classifier,
            update,
            augment=policies.POLICIES[config.augment],
            loss=run.task.loss,
            global_batch_size=config.global_batch_size,
            loss_scale=scale,
            fault=run.faults.in_micro_batch(),
            in_any_worker=lambda flag: run.workers.any(flag)[0],
        )
        self._step = transaction.Transaction(
            self._train_step,
            per_replica_batch_size=self._sizing.per_replica_batch_size,
            on_smaller=self._note_smaller_micro_batch,
            on_end=self._leave_smaller_micro_batch,
            remedy=self._more_memory,
        )
        self._window = progress.Window(config.global_batch_size)
        self._latest: dict[str, float] | None = None  # of the window before
        self._epoch_steps = epoch_steps.EpochSteps(
            run,
            phase,
            step=self._train_step,
            transaction=self._step,
            window=self._window,
            save=self._save_at_rest,
        )
        self._last_save = time.monotonic()
        self._limits = recovery.Limits(
            config.max_skipped_steps, config.max_loss, config.max_rollbacks
        )

    def restore(self) -> None:
        """Goes on from the newest checkpoint, or saves the phase's first one."""
        counters = self._run.counters
        directory = self._run.directory / self._phase.name
        if not self._run.workers.chief_decides(lambda: checkpoints.has_any(directory)):
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
        self.micro_batch = self._sizing.choose()
        size = self.micro_batch.size
        self._train_step.micro_batch = size
        self._run.counters.micro_batch.assign(size)
        self._run.counters.recomputes.assign(self._sizing.recomputes)
        self._run.pulse.tell(pulse.SIZE, size, self._sizing.per_replica_batch_size)

    def _note_smaller_micro_batch(self, size: int) -> None:
        counters = self._run.counters
        print(
            f"step {int(counters.global_step) + 1}: out of memory with micro-batches of "
            f"{int(counters.micro_batch)}; the step is done again with {size}",
            flush=True,
        )
        counters.micro_batch.assign(size)
        self._run.pulse.tell(pulse.LONG)  # the step is traced anew
        counters.out_of_memory_retries.assign_add(1)
        self._sizing.keep(size)

    def _more_memory(self) -> str:
        """Returns what to change where memory does not suffice for one example."""
        config, classifier = self._run.task.config, self._run.classifier
        can_save = classifier.parts is None and phases.cuts(classifier)
        return (
            ("Add --remat, with which this run goes on; or use" if can_save else "Use")
            + f" a smaller --model (received: {config.model}) or --image_size (received: "
            f"{self._run.task.image_size}), or train fewer layers by a later --fine_tune_from "
            f"(received: {config.fine_tune_from}), in another --run_dir."
        )

    def _leave_smaller_micro_batch(self, size: int) -> None:
        """Leaves a size to the process after this one, and to no other run."""
        self._sizing.leave(size)
        self._run.pulse.tell(pulse.AGAIN)

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
            # All is saved: there is nothing to do for a process that is stopped in a validation.
            with self._run.stop.at_rest(lambda: None), self._averaged_weights():
                validation.validate(self._run, self._phase, log)
            counters.epoch.assign_add(1)
            counters.start_epoch()
        self._epoch_steps.close()

    def _averaged_weights(self) -> contextlib.AbstractContextManager[None]:
        """Has the model's weights be their average, if there is one."""
        return self._average.in_place() if self._average else contextlib.nullcontext()

    def _train_epoch(self, log: events.EventLog) -> None:
        config, counters = self._run.task.config, self._run.counters
        if self._latest is None:
            self._run.announcer.show(f"  epoch {self._epoch}: tracing the first step")
        for taken in self._epoch_steps.calls(self._shuffle_epoch):
            for metrics in taken:
                self._window.add(metrics)
            counters.step.assign_add(len(taken))
            counters.global_step.assign_add(len(taken))
            step = int(counters.step)
            stops, is_time = self._run.workers.any(
                self._run.stop.look(),
                time.monotonic() - self._last_save > 60 * config.checkpoint_minutes,
            )
            saves = stops or is_time or step % config.checkpoint_steps == 0
            if saves or step % config.log_steps == 0 or self.is_before_validation:
                wrong = self._log_window(log)
                if wrong:
                    self._roll_back(wrong)  # which saves
                elif saves:
                    self._save()
            if stops:
                self._run.stop.leave()
            if self._run.announcer.is_due():
                self._tell_progress()

    def _save(self) -> None:
        self._run.faults.before_save(self._run.directory / self._phase.name)
        self._store.save(int(self._run.counters.global_step))
        self._last_save = time.monotonic()

    def _save_at_rest(self) -> None:
        """Saves for a main thread that waits for data, with what the window holds counted."""
        if len(self._window):
            self._count_window()
        self._save()

    def _count_window(self) -> tuple[dict[str, float], str | None, np.ndarray]:
        """Counts the steps since the last line.

        Returns:
          Their means; what has gone wrong; whether each was skipped, bool [steps].
        """
        counters = self._run.counters
        values, losses, is_skipped = self._window.close()
        counters.note(values, len(losses), values["seconds"])
        wrong = recovery.note(counters, self._limits, losses, is_skipped)
        return values, wrong, is_skipped

    def _log_window(self, log: events.EventLog) -> str | None:
        """Writes and says what the steps since the last line gave; returns what has gone wrong."""
        counters = self._run.counters
        values, wrong, is_skipped = self._count_window()
        seconds = values.pop("seconds")
        self._run.announcer.note(len(is_skipped), seconds)
        epochs_left = self._phase.epochs - int(counters.epoch)
        advice = self._epoch_steps.input_wait.note(values["input_wait_share"], seconds, epochs_left)
        if advice:
            print(advice, flush=True)
        values["learning_rate"] = float(self._learning_rate())
        values["micro_batch"] = self._train_step.micro_batch
        values["memory_mb"] = counters.note_memory(resources.peak_memory_mb())
        values["host_memory_mb"] = resources.process_memory_mb()
        global_step = int(counters.global_step)
        log.scalars("train", global_step, values, phase=self._phase.name, epoch=self._epoch)
        for steps_ago, skipped in enumerate(reversed(is_skipped.tolist())):
            if skipped:
                self._say_skipped(log, steps_ago)
        self._latest = values
        return wrong

    def _tell_progress(self) -> None:
        """Says how far the epoch is, with what the last steps gave that are counted."""
        run, values = self._run, self._latest
        further = []
        if values is not None:
            further = [
                f"{values['images_per_second']:,.0f} images/s",
                f"loss {values['loss']:.4f}",
                *validation.best(run),
                f"waiting for input {values['input_wait_share']:.0%}",
            ]
        run.announcer.tell(
            f"  epoch {self._epoch}: {int(run.counters.step)}/{run.task.steps_per_epoch}",
            int(run.counters.global_step),
            *further,
        )

    def _say_skipped(self, log: events.EventLog, steps_ago: int) -> None:
        counters, task = self._run.counters, self._run.task
        step, global_step = (int(c) - steps_ago for c in (counters.step, counters.global_step))
        image_ids = task.image_ids(epoch=self._shuffle_epoch, step=step - 1)
        log.skipped_step(global_step, image_ids)
        print(
            f"step {global_step}: skipped, as its loss or gradient was not finite; its images are "
            f"named in {run_directory.SKIPPED_STEPS}",
            flush=True,
        )

    def _roll_back(self, wrong: str) -> None:
        """Goes back to the last checkpoint's weights, if that may still be done.

        Raises:
          DataError: it may not.
        """
        counters = self._run.counters
        if int(counters.rollbacks) >= self._limits.rollbacks:
            raise exits.DataError(
                f"Training has gone wrong at step {int(counters.global_step)}: {wrong}, after "
                f"{int(counters.rollbacks)} rollbacks (--max_rollbacks). {self._diagnose()} Use a "
                f"lower learning rate (received: {self._phase.learning_rate:g}) or --clip_norm "
                f"(received: {self._run.task.config.clip_norm:g}) in another --run_dir."
            )
        recovery.roll_back(counters, self._store.restore)
        self._save()
        print(
            f"step {int(counters.global_step)}: {wrong}; the weights are those of the last "
            f"checkpoint again, the learning rate is {float(counters.rate_scale):g} times what it "
            "was, and training goes on with the next images",
            flush=True,
        )

    def _diagnose(self) -> str:
        """Explains what the last step's batch does to the model as it is now."""
        task, step = self._run.task, int(self._run.counters.step) - 1
        batch = next(iter(task.train_batches(epoch=self._shuffle_epoch, start_step=step)))
        image_ids = task.image_ids(epoch=self._shuffle_epoch, step=step)
        return diagnosis.explain(
            self._run.classifier,
            policies.POLICIES[task.config.augment](batch["image"], batch["noise"]),
            batch["label"],
            image_ids,
            task.positive,
            micro_batch=self._train_step.micro_batch,
        )

    @property
    def _shuffle_epoch(self) -> int:
        """The epoch counted over all phases, of which the order of the examples is a function."""
        return self._epochs_before + int(self._run.counters.epoch)

    @property
    def _epoch(self) -> int:
        """The epoch of the phase as users count it, from 1."""
        return int(self._run.counters.epoch) + 1
