"""The state of a run on disk: saved whole or not at all, and found again.

Which checkpoints there are is told by their files. A list of them lies beside, for TensorFlow's
tools, in a file called `checkpoint`; one that is lost or damaged must not make training start anew.
"""

import pathlib
import re
from typing import Any

import keras
import tensorflow as tf

from tfrecords import exits
from trainer import run_directory
from trainer.networks import models
from trainer.running import saved_variables
from trainer.workers import agreement

KEPT = 3
KEPT_BEST = 2  # a kill before the best step is noted leaves one that does not count
_LIST = "checkpoint"


class Counters(tf.Module):
    """Where a phase stands: with the weights and the optimizer, all the state there is.

    Attributes:
      epoch, step: of the phase and of the epoch, counted from 0: the steps that are done.
      global_step: the steps that are done in all phases.
      best_rank, best_step: of the best validation of all phases; the lower pair is better.
      stale_epochs: since the phase last improved.
      plateau_epochs: since it did, or the learning rate was last lowered for want of it.
      loss_sum, accuracy_sum, skipped: over the steps of the epoch.
      micro_batch: of the phase, 0 before it is chosen.
      recomputes: 1 where that was chosen for activations that are computed again, else 0.
      skipped_in_a_row: up to now.
      skipped_steps, overflowed_steps, rollbacks: of all phases.
      rate_scale: what the phase's learning rate is multiplied with.
      out_of_memory_retries: of all phases.
      seconds: of all training so far.
      peak_memory_mb: of all processes of the run so far.
    """

    def __init__(self) -> None:
        super().__init__(name="counters")
        for name in (
            "global_step",
            "epoch",
            "step",
            "best_step",
            "stale_epochs",
            "plateau_epochs",
            "skipped",
            "micro_batch",
            "recomputes",
            "out_of_memory_retries",
            "skipped_in_a_row",
            "skipped_steps",
            "overflowed_steps",
            "rollbacks",
        ):
            setattr(self, name, tf.Variable(0, dtype=tf.int64, trainable=False, name=name))
        for name in ("loss_sum", "accuracy_sum", "seconds", "peak_memory_mb"):
            setattr(self, name, tf.Variable(0.0, dtype=tf.float64, trainable=False, name=name))
        self.rate_scale = tf.Variable(1.0, trainable=False)
        self.best_rank = tf.Variable([float("inf")] * 2, dtype=tf.float64, trainable=False)

    def start_phase(self) -> None:
        """Starts counting from 0; the best value so far stays."""
        self.stale_epochs.assign(0)
        self.plateau_epochs.assign(0)
        self.micro_batch.assign(0)
        self.skipped_in_a_row.assign(0)
        self.rate_scale.assign(1)
        self.epoch.assign(0)
        self.start_epoch()

    def note(self, means: dict[str, float], num_steps: int, seconds: float) -> None:
        """Adds what some steps gave, of which `means["skipped"]` count in no mean."""
        taken = num_steps - means["skipped"]
        if taken:
            self.loss_sum.assign_add(means["loss"] * taken)
            self.accuracy_sum.assign_add(means["accuracy"] * taken)
        self.skipped.assign_add(int(means["skipped"]))
        self.overflowed_steps.assign_add(int(means.get("overflowed", 0)))
        self.seconds.assign_add(seconds)

    def note_memory(self, peak_mb: float) -> float:
        """Notes this process's peak; returns that of the run."""
        self.peak_memory_mb.assign(max(peak_mb, float(self.peak_memory_mb)))
        return float(self.peak_memory_mb)

    def epoch_means(self) -> dict[str, float]:
        """Returns loss and accuracy over the steps of the epoch; NaN where all were skipped."""
        taken = int(self.step) - int(self.skipped)
        if not taken:
            return {"loss": float("nan"), "accuracy": float("nan")}
        return {
            "loss": float(self.loss_sum) / taken,
            "accuracy": float(self.accuracy_sum) / taken,
        }

    def lower_rate(self, factor: float) -> None:
        """Lowers the learning rate of the phase, for want of better validations."""
        self.rate_scale.assign(self.rate_scale * factor)
        self.plateau_epochs.assign(0)

    def improves(self, rank: tuple[float, float]) -> bool:
        """Tells whether a validation is better than the best so far."""
        return rank < tuple(float(value) for value in self.best_rank)

    def start_epoch(self) -> None:
        """Forgets the steps of the epoch."""
        for variable in (self.step, self.skipped, self.loss_sum, self.accuracy_sum):
            variable.assign(tf.zeros_like(variable))


class PhaseCheckpoints:
    """The checkpoints of one phase: weights, optimizer, counters, and more by name.

    Of several workers the chief reads and writes them; the others take the values from it.
    """

    def __init__(
        self,
        directory: pathlib.Path,
        classifier: models.Classifier,
        optimizer: keras.optimizers.Optimizer,
        counters: Counters,
        team: agreement.Workers,
        **further: tf.Module | None,
    ):
        kept = {name: part for name, part in further.items() if part is not None}
        self._variables = _named(model=classifier, optimizer=optimizer, counters=counters, **kept)
        self._directory = directory
        self._team = team

    def save(self, number: int) -> None:
        """Saves under a number that grows from call to call."""
        if self._team.is_chief:
            _save(self._directory, number, self._variables, KEPT)

    def restore(self) -> str | None:
        """Restores the newest checkpoint that can be read.

        Returns:
          A sentence for the user about checkpoints that could not be read, or None.

        Raises:
          DataError: there are checkpoints and none can be read: training does not start anew
            behind the user's back.
        """
        warning: str | None = self._team.chief_decides(self._restore_newest)
        self._team.take_from_chief(list(self._variables.values()))
        return warning

    def _restore_newest(self) -> str | None:
        paths = list(reversed(_found(self._directory)))
        for index, path in enumerate(paths):
            if saved_variables.read(path, self._variables):
                passed_over = ", ".join(map(str, paths[:index]))
                return f"Damaged and passed over: {passed_over}." if index else None
        raise exits.DataError(
            f"No checkpoint in {self._directory} can be read: {', '.join(map(str, paths))}. Put "
            "them back from a copy, or remove the run's directory to train from the beginning."
        )


class BestWeights:
    """The weights of the best epoch so far, under the number of its step."""

    def __init__(
        self, directory: pathlib.Path, classifier: models.Classifier, team: agreement.Workers
    ):
        self._variables = _named(model=classifier)
        self._directory = directory
        self._team = team

    def save(self, step: int) -> None:
        """Saves the model's weights as the best, of a step that grows from call to call."""
        if self._team.is_chief:
            _save(self._directory, step, self._variables, KEPT_BEST)

    def restore(self, step: int) -> None:
        """Gives the model the best weights.

        Raises:
          DataError: they are not there, or cannot be read.
        """
        self._team.chief_decides(lambda: self._restore_step(step))
        self._team.take_from_chief(list(self._variables.values()))

    def _restore_step(self, step: int) -> None:
        path = self._directory / f"ckpt-{step}"
        if not saved_variables.read(path, self._variables):
            raise exits.DataError(
                f"The best weights {path} are lost or damaged. Put them back from a copy, or "
                "remove the run's directory to train from the beginning."
            )


def has_any(directory: pathlib.Path) -> bool:
    """Tells whether a phase has left checkpoints, be they whole or not.

    One that a kill has cut in the phase's first save does not count: its index would be written
    last, and the list of checkpoints after it.
    """
    found = _found(directory)
    indices = (path.with_name(path.name + saved_variables.INDEX) for path in found)
    return bool(found) and any(path.exists() for path in (directory / _LIST, *indices))


_FILE = re.compile(r"(?P<stem>ckpt-(?P<number>\d+))\.(index|data-\d{5}-of-\d{5})")


def _found(directory: pathlib.Path) -> list[pathlib.Path]:
    """Returns the paths of checkpoints, the newest last, of which at least one file is there."""
    names = [match for path in directory.glob("ckpt-*") if (match := _FILE.fullmatch(path.name))]
    stems = {int(match["number"]): match["stem"] for match in names}
    return [directory / stems[number] for number in sorted(stems)]


def _named(**parts: Any) -> saved_variables.Variables:
    """Returns the variables of the parts, each once, as `model/0`, `model/1` and so on.

    Not by names of their own: those of layers depend on how many were made before in the process.
    """
    found: dict[int, tuple[str, tf.Variable]] = {}
    for part, module in parts.items():
        # A keras.Variable holds a tf.Variable, which is read in a third of the time.
        held = [v.value if isinstance(v, keras.Variable) else v for v in module.variables]
        own = [variable for variable in held if id(variable) not in found]
        found |= {id(v): (f"{part}/{index}", v) for index, v in enumerate(own)}
    return dict(found.values())


def _save(
    directory: pathlib.Path, number: int, variables: saved_variables.Variables, kept: int
) -> None:
    """Saves variables under a number, lists it for TensorFlow's tools, and removes the oldest."""
    saved_variables.write(directory / f"ckpt-{number}", variables)
    paths = _found(directory)
    entries = [f'all_model_checkpoint_paths: "{path.name}"\n' for path in paths[-kept:]]
    newest = f'model_checkpoint_path: "{paths[-1].name}"\n'
    run_directory.write_text(directory / _LIST, "".join([newest, *entries]))
    for path in paths[:-kept]:
        for suffix in (saved_variables.INDEX, saved_variables.DATA):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
