"""The predictions of a run: for whole splits, some examples at a time."""

from collections.abc import Callable

import tensorflow as tf

from trainer.capacity import planning
from trainer.networks import models
from trainer.reporting import progress
from trainer.running import interruption
from trainer.running.run import Run
from trainer.scoring import eval_step, evaluation
from trainer.task import Task
from trainer.workers import agreement


def of_splits(
    task: Task,
    strategy: tf.distribute.Strategy,
    team: agreement.Workers,
    classifier: models.Classifier,
    stop: interruption.Interruption,
    announcer: progress.Announcer,
) -> Callable[[str], evaluation.Predictions]:
    """Returns a function from the name of a split to a model's predictions.

    It says how far it is, and may be interrupted.
    """
    at_a_time = planning.examples_at_a_time(task.config, classifier, strategy.num_replicas_in_sync)
    step = eval_step.EvalStep(strategy, classifier, at_a_time)

    def predict(split: str) -> evaluation.Predictions:
        num_examples = task.source.split(split).num_examples

        def check(num_done: int) -> None:
            stop.check(team.any)
            announcer.tell_share(f"  {split}", num_done * team.count, num_examples)

        return evaluation.predict(
            strategy,
            step,
            task.eval_batches(split, part=(team.index, team.count)),
            num_examples=num_examples,
            positive=task.positive,
            check=check,
            num_workers=team.count,
            gather=team.concatenate,
        )

    return predict


def in_float32(run: Run) -> Callable[[str], evaluation.Predictions]:
    """Returns what predicts as the bundle will, whatever the training has reckoned in."""
    with run.strategy.scope():
        classifier = models.build(run.task.model_spec)
        for own, trained in zip(classifier.weights, run.classifier.weights, strict=True):
            own.assign(trained)
    return of_splits(run.task, run.strategy, run.workers, classifier, run.stop, run.announcer)
