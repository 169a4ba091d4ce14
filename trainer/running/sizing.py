"""The micro-batch that a phase starts with, and what later ones are told of it."""

from trainer import strategies
from trainer.capacity import micro_batches, planning, remembered
from trainer.running import phases
from trainer.running.run import Run


class Sizing:
    """Chooses the micro-batch of a phase, and keeps the sizes at which memory sufficed.

    Args:
      run: what the phases share; the layers of this one are trainable.
      phase: that trains.
    """

    def __init__(self, run: Run, phase: phases.Phase):
        self._run = run
        self._key = planning.memory_key(
            run.task.config, phase, run.task.image_size, on_features=run.trains_on_features
        )
        self._key_of_run = f"{self._key}, {run.task.config.run_path.resolve()}"

    @property
    def per_replica_batch_size(self) -> int:
        """What micro-batches are cut from."""
        run = self._run
        return strategies.per_replica_batch_size(run.strategy, run.task.config.global_batch_size)

    @property
    def recomputes(self) -> int:
        """1 where activations are computed again, so that larger sizes fit, else 0."""
        return int(self._run.classifier.parts is not None)

    def choose(self) -> planning.Choice:
        """Returns the size that the phase starts or goes on with, the same in all workers."""
        run = self._run
        config, replicas = run.task.config, run.strategy.num_replicas_in_sync
        choice = planning.choose(
            config,
            planning.estimate(config, run.classifier, replicas, on_features=run.trains_on_features),
            num_replicas=replicas,
            saved=self._saved(),
            remembered_size=remembered.read(self._key, remembered.default_path()),
        )
        left = remembered.read(self._key_of_run, remembered.default_path())
        for most, reason in (
            (run.pulse.micro_batch, "the process was killed with more"),
            (left, "memory ran out with more"),
        ):
            if most is not None and most < choice.size:
                size = micro_batches.largest(self.per_replica_batch_size, most)
                choice = planning.Choice(size, reason)
        size = run.workers.smallest(choice.size)
        if size < choice.size:
            choice = planning.Choice(size, "another worker has no memory for more")
        return choice

    def _saved(self) -> int:
        """Returns the size in the checkpoint; 0 if it tells nothing of activations as kept now."""
        counters = self._run.counters
        return int(counters.micro_batch) if int(counters.recomputes) == self.recomputes else 0

    def keep(self, size: int) -> None:
        """Keeps a size at which memory suffices for this phase and those of other runs like it."""
        remembered.write(self._key, size, remembered.default_path())

    def leave(self, size: int) -> None:
        """Leaves a size to the process after this one, and to no other run."""
        remembered.write(self._key_of_run, size, remembered.default_path())
