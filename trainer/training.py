"""The program behind `trainer.main`: trains, evaluates, and leaves a run's directory behind.

Where a run goes on when its command is given again:

1. a run with a summary is complete, and only its numbers are shown;
2. else the last phase that has checkpoints goes on from the newest one that can be read;
3. else training starts with the first phase.
"""

import contextlib
import dataclasses
import functools
import math
import pathlib
from typing import Any

import keras
import tensorflow as tf

from tfrecords import dataset, exits, reader
from trainer import claims, conclusion, faults, run_directory, strategies
from trainer import config as configs
from trainer.capacity import planning, resources
from trainer.features import cache
from trainer.networks import models, precision, pretrained
from trainer.reporting import dashboards, events, progress
from trainer.running import (
    alarms,
    checkpoints,
    explanations,
    interruption,
    loop,
    phases,
    predicting,
    pulse,
    watchdog,
)
from trainer.running.run import Run
from trainer.scoring import evaluation
from trainer.scoring.calibration import Calibration
from trainer.task import Task
from trainer.workers import agreement, joining


def train_and_evaluate(config: configs.TrainConfig) -> dict[str, Any]:
    """Trains as `config` says, or goes on where an earlier process stopped.

    Returns:
      The content of `summary.json`.

    Raises:
      UsageError, DataError, MachineError: see `tfrecords.exits`.
      Interrupted: on SIGTERM or SIGINT; all is saved.
    """
    heart = pulse.Pulse.from_environment()
    with contextlib.ExitStack() as held:
        stop = held.enter_context(_interruption(config, heart))
        with joining.calling_off(config, stop):
            source = held.enter_context(
                dataset.reading(pathlib.Path(config.data_dir), config.dataset, config.version)
            )
        if config.strategy == strategies.MULTI_WORKER:
            held.enter_context(explanations.of_lost_workers(heart))
        strategy = joining.join(config, source, stop, heart)
        team = agreement.Workers(strategy)
        if team.count > 1 and not heart.is_supervised:
            name = f"Worker {team.index} of {team.count}"
            held.enter_context(watchdog.Watchdog(name, heart).watching())
        # What a run reckons in is noted and stays, on whatever GPU it is taken up.
        reckons_in = precision.of_all_workers(config.precision, team.smallest)
        config = dataclasses.replace(config, precision=reckons_in)
        task = Task(
            config, team.chief_first(lambda: reader.hold_out(source, config.validation_fraction))
        )
        strategies.per_replica_batch_size(strategy, config.global_batch_size)
        directory = held.enter_context(claims.own_directory(config, team))
        summary: dict[str, Any] | None = team.chief_decides(
            lambda: claims.claim(task, directory, heart)
        )
        if summary is None:
            with explanations.explained(task, directory):
                summary = _train(task, strategy, team, directory, stop, heart)
        else:
            print("This run is complete already; another --run_dir starts a new one.")
        _say_results(directory, summary)
    return summary


def _interruption(config: configs.TrainConfig, heart: pulse.Pulse) -> interruption.Interruption:
    minutes = math.inf if config.max_minutes is None else config.max_minutes
    return interruption.Interruption(minutes, on_look=lambda: heart.tell(pulse.STEP))


def _train(
    task: Task,
    strategy: tf.distribute.Strategy,
    team: agreement.Workers,
    directory: pathlib.Path,
    stop: interruption.Interruption,
    heart: pulse.Pulse,
) -> dict[str, Any]:
    config = task.config
    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    run_phases = phases.plan(config)
    store = directory / run_directory.CHECKPOINTS
    started = team.chief_decides(
        lambda: [i for i, p in enumerate(run_phases) if checkpoints.has_any(store / p.name)]
    )
    # A checkpoint holds all weights; those that training began from are not needed again.
    with precision.of_new_layers(task.precision):
        classifier = _build(task, strategy, team, "none" if started else task.weights)
    # A mistake in a later phase must not cost the first one's work.
    phases.check(run_phases, classifier)
    announcer = progress.Announcer(task.steps_per_epoch * sum(phase.epochs for phase in run_phases))
    run = Run(
        task=task,
        strategy=strategy,
        workers=team,
        classifier=classifier,
        counters=checkpoints.Counters(),
        best=checkpoints.BestWeights(store / "best", classifier, team),
        directory=store,
        stop=stop,
        pulse=heart,
        announcer=announcer,
        train_batches=functools.partial(task.train_batches, part=(team.index, team.count)),
        predict=predicting.of_splits(task, strategy, team, classifier, stop, announcer),
        faults=faults.Faults.from_environment(team.index, is_restart=heart.is_restart),
    )
    # Several workers may share a terminal, and none knows what the others have shown.
    with announcer.in_place() if team.count == 1 else contextlib.nullcontext():
        log, parameters = _run_phases(run, run_phases, max(started, default=0), directory)
        return _conclude(run, parameters, log, directory)


def _build(
    task: Task, strategy: tf.distribute.Strategy, team: agreement.Workers, weights: str
) -> models.Classifier:
    """Returns the model; of several workers the chief alone needs the weights file."""
    if team.count == 1 or weights == "none":
        with strategy.scope():
            return pretrained.build(task.model_spec, weights)
    # Outside the scope, where nobody waits for a variable of a model that cannot be made.
    loaded: list[models.Classifier] = []
    team.chief_decides(lambda: loaded.append(pretrained.build(task.model_spec, weights)))
    with strategy.scope():
        classifier = pretrained.build(task.model_spec, "none")
    for source in loaded:
        for variable, value in zip(classifier.variables, source.variables, strict=True):
            variable.assign(value.numpy())
    team.take_from_chief(classifier.variables)
    return classifier


def _run_phases(
    run: Run, run_phases: list[phases.Phase], current: int, directory: pathlib.Path
) -> tuple[events.EventLog, dict[str, int]]:
    """Runs the phases from the current one on; returns the log, and the last one's parameters."""
    log = None
    for index in range(current, len(run_phases)):
        phase = run_phases[index]
        run.pulse.tell(pulse.LONG)
        with cache.offered(run, phase) as phase_run:
            epochs_before = sum(p.epochs for p in run_phases[:index])
            phase_loop = loop.PhaseLoop(phase_run, phase, epochs_before)
            phase_loop.restore()
            counts = run.classifier.num_parameters()
            parameters = dict(zip(("total", "trainable"), counts, strict=True))
            if log is None:
                log = _open_log(run, directory, validates_again=phase_loop.is_before_validation)
            print(_opening_line(run, phase, parameters, phase_loop.micro_batch), flush=True)
            phase_loop.run(log)
        _restore_best(run)
    assert log is not None  # noqa: S101 - a configuration without phases is refused
    return log, parameters


def _restore_best(run: Run) -> None:
    best_step = int(run.counters.best_step)
    if not best_step:
        raise exits.DataError(
            "No validation gave a finite loss, so that there are no best weights. Use a lower "
            f"--learning_rate (received: {run.task.config.learning_rate:g}) or a --clip_norm, in "
            "another --run_dir."
        )
    run.best.restore(best_step)


def _open_log(run: Run, directory: pathlib.Path, *, validates_again: bool) -> events.EventLog:
    step = int(run.counters.global_step)
    log = events.EventLog(directory, step, validates_again=validates_again)
    if step == 0:
        text = run.task.config.to_flags()
        log.text("train", "config", 0, "".join(f"    {line}\n" for line in text.splitlines()))
        log.summaries(
            "",
            0,
            dashboards.layout(),
            dashboards.hyperparameters(directory.name, run.task.config.hyperparameters()),
        )
        log.image("train", "augmented_batch", 0, conclusion.augmented_batch(run.task))
    return log


def _opening_line(
    run: Run, phase: phases.Phase, parameters: dict[str, int], micro_batch: planning.Choice
) -> str:
    config, strategy = run.task.config, run.strategy
    local = strategies.per_replica_batch_size(strategy, config.global_batch_size)
    return (
        f"Phase {phase.name}: {config.model} at {run.task.image_size} px"
        f" | {config.strategy}: {strategies.describe(strategy)}"
        f" | global batch {config.global_batch_size}, {local} per replica"
        f" | {run.task.steps_per_epoch} steps per epoch, at most {phase.epochs} epochs"
        f" | {parameters['total']:,} parameters, {parameters['trainable']:,} trainable\n"
        f"  {run.task.precision} | micro-batch {micro_batch.size} of {local} per replica: "
        f"{micro_batch.reason}{_recomputed(run, phase)}"
    )


def _recomputed(run: Run, phase: phases.Phase) -> str:
    if not run.task.config.remat or phase.first_layer is None:
        return ""
    if run.classifier.parts is None:
        return " | --remat saves nothing here"
    return " | most activations are computed again"


def _conclude(
    run: Run, parameters: dict[str, int], log: events.EventLog, directory: pathlib.Path
) -> dict[str, Any]:
    run.pulse.tell(pulse.LONG)
    is_exact = run.task.precision == precision.FLOAT32
    predict = run.predict if is_exact else predicting.in_float32(run)
    with run.stop.at_rest(lambda: None):  # all is saved
        validation, test = predict("validation"), predict("test")
    run.pulse.tell(pulse.LONG)  # the others wait for what the chief writes
    summary: dict[str, Any] = run.workers.chief_decides(
        lambda: _write(run, parameters, log, directory, validation, test)
    )
    return summary


def _write(
    run: Run,
    parameters: dict[str, int],
    log: events.EventLog,
    directory: pathlib.Path,
    validation: evaluation.Predictions,
    test: evaluation.Predictions,
) -> dict[str, Any]:
    """Writes what the run leaves; returns its summary."""
    task, counters = run.task, run.counters
    results = conclusion.evaluate(directory, task, validation, test)
    _log_results(run, results, test, log)
    fitted = Calibration(**results["calibration"])
    digest = conclusion.write_bundle(directory, task, run.classifier, fitted)
    summary = {
        "status": "complete",
        "steps": int(counters.global_step),
        "best_step": int(counters.best_step),
        "steps_per_epoch": task.steps_per_epoch,
        "replicas": run.strategy.num_replicas_in_sync,
        "micro_batch": int(counters.micro_batch),
        "out_of_memory_retries": int(counters.out_of_memory_retries),
        "precision": task.precision,
        "overflowed_steps": int(counters.overflowed_steps),
        "skipped_steps": int(counters.skipped_steps),
        "rollbacks": int(counters.rollbacks),
        "restarts": run_directory.count_restarts(directory),
        "parameters": parameters,
        "alarms": [dataclasses.asdict(alarm) for alarm in alarms.find(log.validations())],
        **results,
        "weights_sha256": digest,
        "image_size": task.image_size,
        "seconds": round(float(counters.seconds), 1),
        "images_per_second": round(_images_per_second(run), 1),
        "peak_memory_mb": round(counters.note_memory(resources.peak_memory_mb()), 1),
    }
    conclusion.write_report(directory, task, summary, test, log)
    run_directory.write_json(directory / run_directory.SUMMARY, summary)
    return summary


def _images_per_second(run: Run) -> float:
    """Returns how many images the training took in a second, of all replicas."""
    images = int(run.counters.global_step) * run.task.config.global_batch_size
    return images / max(float(run.counters.seconds), 1e-9)


def _log_results(
    run: Run, results: dict[str, Any], test: evaluation.Predictions, log: events.EventLog
) -> None:
    """Shows the metrics of the finished run in TensorBoard, beside its hyperparameters."""
    task, step = run.task, int(run.counters.global_step)
    fitted = Calibration(**results["calibration"])
    curves = dashboards.precision_recall_of_classes(
        task.target.class_names, test.labels, test.probabilities(fitted), task.positive
    )
    log.summaries("test", step, *curves)
    log.final("test", step, {name: results["test"][name] for name in dashboards.TEST_METRICS})
    log.summaries("", step, dashboards.end_of_run())


def _say_results(directory: pathlib.Path, summary: dict[str, Any]) -> None:
    test = summary["test"]
    auc = "not defined" if test["auc"] is None else f"{test['auc']:.4f}"
    low, high = test["accuracy_interval"]
    print(
        f"Test: accuracy {test['accuracy']:.4f} (95 % interval {low:.3f} to {high:.3f}), "
        f"AUC {auc}, F1 {test['f1']:.4f}, on {test['examples']:,} examples.\n"
        f"Report:      {directory / run_directory.REPORT}\n"
        f"Bundle:      {directory / run_directory.BUNDLE}\n"
        f"TensorBoard: tensorboard --logdir={directory}",
        flush=True,
    )
