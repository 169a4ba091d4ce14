"""What `trainer.plan` found, for people."""

from typing import Any


def as_text(found: dict[str, Any]) -> str:
    """Returns what `look` found, for people."""
    available = found["device_memory_bytes"]
    known = "memory unknown" if available is None else f"{_size(available)} each"
    steps_line = (
        f"{found['steps_per_epoch']:,} step{'s' * (found['steps_per_epoch'] != 1)} per epoch"
        if found["steps_per_epoch"] is not None
        else "steps per epoch: build the dataset, or give --num_examples"
    )
    replicas = "1 replica" if found["replicas"] == 1 else f"{found['replicas']} replicas"
    lines = [] if found["without_dataset"] is None else [_without_dataset(found)]
    lines.append(
        f"{found['model']} at {found['image_size']} px, {found['num_classes']} classes, "
        f"{found['precision']} | global batch {found['global_batch_size']:,}"
        f" | {replicas}, {known} | {steps_line}"
    )
    usable = found["usable_bytes"]
    limit = "" if usable is None else f" of {_size(usable)} usable"
    for name, phase in found["phases"].items():
        lines += _phase_lines(name, phase, limit)
    return "\n".join(lines)


def _without_dataset(found: dict[str, Any]) -> str:
    return (
        f"WITHOUT A DATASET. {found['without_dataset']}\n"
        f"What follows is for images of {found['image_size']} px in {found['num_classes']} classes;"
        " --image_size, --num_classes and --num_examples plan for others.\n"
    )


def _phase_lines(name: str, phase: dict[str, Any], limit: str) -> list[str]:
    on = " on features that are computed once" if phase["trains_on_features"] else ""
    lines = [
        f"Phase {name}{on}: {phase['parameters']:,} parameters, "
        f"{phase['trainable_parameters']:,} trainable",
        f"  weights {_size(phase['weights_bytes'])} | gradients {_size(phase['gradients_bytes'])}"
        f" | optimizer {_size(phase['optimizer_bytes'])}"
        f" | activations {_size(phase['activations_bytes_per_example'])} an example"
        f"{_recomputed(phase)}",
        f"  micro-batch {phase['micro_batch']:,} of {phase['per_replica_batch_size']:,} per "
        f"replica: planned {_size(phase['planned_bytes'])}{limit}",
    ]
    if not phase["fits"]:
        lines.append(f"  This does not fit. {_remedy(phase)}")
    if phase["seconds_for_features_here"] is not None:
        lines.append(
            f"  the features take about {_time(phase['seconds_for_features_here'])}, once, "
            "on devices like this machine's"
        )
    if phase["seconds_per_epoch_here"] is not None:
        lines.append(
            f"  an epoch takes about {_time(phase['seconds_per_epoch_here'])} on devices like this "
            "machine's: of a few steps, without input; right within a factor of two"
        )
    return lines


def _recomputed(phase: dict[str, Any]) -> str:
    if not phase["remat"]:
        return ""
    return ", most computed again" if phase["remat_saves"] else ": --remat saves none of them"


def _remedy(phase: dict[str, Any]) -> str:
    most = phase["largest_micro_batch"]
    if most:
        return f"Use --micro_batch=auto, or at most {most:,}."
    remat = "--remat, " if phase["remat_saves"] and not phase["remat"] else ""
    return (
        f"Use {remat}a smaller --model or --image_size, train fewer layers by a later "
        "--fine_tune_from, or devices with more memory."
    )


def _size(number: int) -> str:
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if number >= unit:
            return f"{number / unit:,.1f} {name}"
    return f"{number / 1e3:,.1f} kB"


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} seconds" if seconds >= 1.5 else "a second"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.1f} hours"
