"""The validation at an epoch's end: what it says, the best weights, and alarms."""

from trainer.reporting import dashboards, events
from trainer.running import alarms, phases, pulse, schedules
from trainer.running.run import Run

_OF_THE_FIRST = " If later epochs do not overcome it, the report says so at its top."


def validate(run: Run, phase: phases.Phase, log: events.EventLog) -> None:
    """Validates the weights as they are, says and logs it, and keeps them if they are the best."""
    counters = run.counters
    global_step, epoch = int(counters.global_step), int(counters.epoch) + 1
    run.pulse.tell(pulse.LONG)
    predictions = run.predict("validation")
    values = predictions.summary()
    log.scalars("validation", global_step, values, phase=phase.name, epoch=epoch)
    log.summaries(
        "validation",
        global_step,
        *dashboards.precision_recall_of_classes(
            run.task.target.class_names,
            predictions.labels,
            predictions.probabilities(),
            run.task.positive,
        ),
    )
    is_best = _note_best(run, values)
    trained = counters.epoch_means()
    auc = "" if values["auc"] is None else f", AUC {values['auc']:.4f}"
    run.announcer.say(
        f"{phase.name} epoch {epoch}/{phase.epochs}"
        f" | loss {trained['loss']:.4f}, accuracy {trained['accuracy']:.1%}"
        f" | validation loss {values['loss']:.4f}, accuracy {values['accuracy']:.1%}{auc}"
        f"{' (best)' if is_best else ''}",
        global_step,
    )
    _lower_rate_on_plateau(run)
    found = alarms.find(log.validations())
    for alarm in found:
        if alarm.step == global_step:
            print(f"ALARM: {alarm.text}.{_OF_THE_FIRST if alarm is found[0] else ''}", flush=True)
            log.text("validation", "alarm", global_step, alarm.text)


def best(run: Run) -> list[str]:
    """Returns the best validation so far for a line of the terminal; nothing before the first."""
    if not int(run.counters.best_step):
        return []
    monitor = run.task.config.monitor
    value, loss = (float(value) for value in run.counters.best_rank)
    if monitor == "loss" or value == float("inf"):
        return [f"best validation loss {loss:.4f}"]
    return [f"best {'AUC' if monitor == 'auc' else monitor} {-value:.4f}"]


def _note_best(run: Run, values: dict[str, float | None]) -> bool:
    """Keeps the weights if they are the best so far; tells whether they are."""
    counters = run.counters
    rank = _rank(values, run.task.config.monitor)
    if not counters.improves(rank):
        counters.stale_epochs.assign_add(1)
        counters.plateau_epochs.assign_add(1)
        return False
    counters.best_rank.assign(rank)
    counters.best_step.assign(counters.global_step)
    counters.stale_epochs.assign(0)
    counters.plateau_epochs.assign(0)
    run.best.save(int(counters.global_step))
    return True


def _lower_rate_on_plateau(run: Run) -> None:
    config, counters = run.task.config, run.counters
    epochs = int(counters.plateau_epochs)
    if config.schedule != schedules.PLATEAU or epochs < config.decay_epochs:
        return
    counters.lower_rate(config.decay_factor)
    print(
        f"The validation {config.monitor} is no better for {epochs} epochs: the learning rate is "
        f"{float(counters.rate_scale):g} times what it was at first.",
        flush=True,
    )


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
