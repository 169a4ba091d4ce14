"""The steps of an epoch, one after another: its batches, its seeds, and how many go in a call."""

from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from tfrecords import exits
from trainer import run_directory, strategies
from trainer.reporting import profiling, progress
from trainer.running import input_wait, phases, pulse, several_steps, steps, transaction
from trainer.running.run import Run


class EpochSteps:
    """Runs the steps that are left of an epoch.

    Args:
      run: what the phases share.
      phase: whose steps they are.
      step: of the phase.
      transaction: around it.
      window: told of what is waited for.
      save: called by another thread, for a main thread that waits for data and does not come back.
    """

    def __init__(
        self,
        run: Run,
        phase: phases.Phase,
        *,
        step: steps.TrainStep,
        transaction: transaction.Transaction,
        window: progress.Window,
        save: Callable[[], None],
    ):
        self._run = run
        self._phase = phase
        self._step = step
        self._transaction = transaction
        self._window = window
        self._save = save
        self._several: several_steps.SeveralSteps | None = None
        self._profile = profiling.Window(
            profiling.parse(run.task.config.profile_steps),
            run.directory.parent / run_directory.TENSORBOARD / "train",
        )
        self.input_wait = input_wait.InputWait(
            run.task,
            reads_images=not run.trains_on_features,
            part=(run.workers.index, run.workers.count),
        )

    def calls(self, epoch: int) -> Iterator[list[dict[str, Any]]]:
        """Yields the scalars of the steps of each call, before the next one is made.

        Args:
          epoch: counted over all phases, of which the order of the examples is a function.
        """
        task, first = self._run.task, int(self._run.counters.step)
        self._run.pulse.tell(pulse.LONG)
        with self._window.left_out(), self._run.stop.at_rest(self._save):
            images = self.input_wait.start_epoch()
        train_batches = images.train_batches if images else self._run.train_batches
        for start, end, count in several_steps.parts(
            first, task.steps_per_epoch, self._steps_per_call()
        ):
            with self._window.left_out():
                batches = train_batches(epoch=epoch, start_step=start)
            of_epoch = epoch * task.steps_per_epoch
            seeds = [[task.config.seed, of_epoch + step] for step in range(start, end)]
            yield from (
                self._singly(batches, seeds)
                if count == 1
                else self._together(batches, seeds, count)
            )

    def close(self) -> None:
        """Ends what has begun with a step and is not over."""
        self._profile.close()

    def _singly(
        self, batches: tf.data.Dataset, seeds: list[list[int]]
    ) -> Iterator[list[dict[str, Any]]]:
        iterator = iter(strategies.distribute(self._run.strategy, batches, self._run.workers.count))
        for seed in seeds:
            batch = self._next(iterator)
            done = int(self._run.counters.global_step)
            self._run.faults.before_step(done)
            self._profile.before_step(done)
            yield [self._take(batch, seed)]
            self._profile.after_step(done + 1)

    def _together(
        self, batches: tf.data.Dataset, seeds: list[list[int]], count: int
    ) -> Iterator[list[dict[str, Any]]]:
        iterator = iter(several_steps.chunks(self._run.strategy, batches, count))
        if self._several is None:
            self._several = several_steps.SeveralSteps(self._run.strategy, self._step, count)
        for start in range(0, len(seeds), count):
            chunk = self._next(iterator)
            taken = self._several(chunk, seeds[start : start + count])
            if taken:
                yield taken
            for index in range(len(taken), count):  # after one for which memory did not suffice
                yield [self._take(self._several.batch(chunk, index), seeds[start + index])]

    def _take(self, batch: steps.Batch, seed: list[int]) -> dict[str, Any]:
        return self._transaction(batch, tf.constant(seed, tf.int64))

    def _next(self, iterator: Iterator[Any]) -> Any:
        with self._window.waiting(), self._run.stop.at_rest(self._save):
            try:
                return next(iterator)
            except StopIteration:
                raise exits.DataError(
                    "The training split holds fewer records than its manifest says: its shards "
                    "were changed while they were read. Run the same command again."
                ) from None

    def _steps_per_call(self) -> int:
        """Returns how many steps to take in a call: several where they are quick, and many."""
        run, config = self._run, self._run.task.config
        is_profiled = self._profile.is_near(int(run.counters.global_step), run.task.steps_per_epoch)
        is_single = run.faults.has_steps or is_profiled
        if is_single or not several_steps.can_run_on(run.strategy):
            return 1
        if not config.steps_per_call:
            left = self._phase.epochs * run.task.steps_per_epoch - int(run.counters.step)
            is_quick = run.trains_on_features or self._window.is_quicker_than(
                several_steps.QUICK_SECONDS
            )
            if not is_quick or left < several_steps.WORTH_STEPS:
                return 1
        most = config.steps_per_call or several_steps.MOST_STEPS
        return several_steps.size(most, config.log_steps, config.checkpoint_steps)
