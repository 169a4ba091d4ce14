"""Flags that contradict each other: what one says would do nothing, or undo what another says."""

from __future__ import annotations

import typing

from tfrecords import exits
from trainer import choices
from trainer.networks import backbones

if typing.TYPE_CHECKING:  # the configuration checks itself by this module
    from trainer import config as configs

_SEVERAL_REPLICAS_OF_ONE_PROCESS = ("mirrored", "central_storage")


def check(config: configs.TrainConfig) -> None:
    """Checks the fields of a configuration, each valid by itself, against each other.

    Raises:
      UsageError: two of them contradict each other; it names both, and what to do.
    """
    _check_use(config)
    _check_epochs(config)
    _check_batch_norm(config)
    _check_classes(config)


def _check_use(config: configs.TrainConfig) -> None:
    """Refuses a flag that would do nothing beside the others."""
    for names, needed, is_there in _needs(config):
        for name in names:
            value = getattr(config, name)
            if value != getattr(type(config), name) and not is_there:
                raise exits.UsageError(
                    f"--{name} does something only with {needed}. Received: --{name}={value}. "
                    f"Add {needed}, or leave --{name} out."
                )


def _needs(config: configs.TrainConfig) -> list[tuple[tuple[str, ...], str, bool]]:
    """Returns fields, what each of them needs, and whether that is there."""
    return [
        (
            ("logical_cpus",),
            "--strategy=mirrored or central_storage",
            config.strategy in _SEVERAL_REPLICAS_OF_ONE_PROCESS,
        ),
        (
            ("remat",),
            "--fine_tune_epochs or a --model without pretrained weights",
            config.fine_tune_epochs > 0 or config.model not in backbones.PRETRAINED,
        ),
        (("devices",), "a --strategy that is not default", config.strategy != "default"),
        (("weight_decay",), "--optimizer=adamw, sgd or lion", config.optimizer != "adam"),
        (("momentum", "nesterov"), "--optimizer=sgd", config.optimizer == "sgd"),
        (
            ("decay_epochs", "decay_factor"),
            "--schedule=step or plateau",
            config.schedule in ("step", "plateau"),
        ),
        (
            ("fine_tune_from", "fine_tune_learning_rate", "layer_decay"),
            "--fine_tune_epochs",
            config.fine_tune_epochs > 0,
        ),
        (
            ("cached_views",),
            "--feature_cache, an --augment but none, and --epochs of a pretrained --model",
            config.feature_cache
            and config.augment != "none"
            and config.model in backbones.PRETRAINED
            and config.epochs > 0,
        ),
        (("cached_views",), "--mixup_alpha=0", not config.mixup_alpha),
        (
            ("steps_per_call",),
            "--strategy=default, one_device or mirrored",
            config.strategy in ("default", "one_device", "mirrored"),
        ),
    ]


def _check_epochs(config: configs.TrainConfig) -> None:
    """Refuses epochs that would never come."""
    if not config.epochs and not config.fine_tune_epochs:
        raise exits.UsageError(
            "--epochs and --fine_tune_epochs must not both be 0: nothing would be trained."
        )
    for name in ("epochs", "fine_tune_epochs"):
        epochs = getattr(config, name)
        if epochs and config.warmup_epochs >= epochs:
            raise exits.UsageError(
                f"--warmup_epochs must be less than the epochs of each phase. Received: "
                f"--warmup_epochs={config.warmup_epochs:g} --{name}={epochs}."
            )
    if config.schedule == "plateau" and config.decay_epochs >= config.patience:
        raise exits.UsageError(
            "--decay_epochs must be less than --patience, after which training stops. "
            f"Received: --decay_epochs={config.decay_epochs} --patience={config.patience}."
        )


def _check_batch_norm(config: configs.TrainConfig) -> None:
    """Refuses statistics of each replica where there is one copy for all."""
    if config.batch_norm == choices.LOCAL and config.strategy == "central_storage":
        raise exits.UsageError(
            "--batch_norm=local needs statistics on each replica, and "
            "--strategy=central_storage has but one copy. Use sync, or --strategy=mirrored."
        )


def _check_classes(config: configs.TrainConfig) -> None:
    """Refuses what would even out the classes twice, or classes that are drawn by lot."""
    evens = [
        flag
        for flag, is_set in (
            ("--class_weights=balanced", config.class_weights == choices.BALANCED),
            ("--balanced_sampling", config.balanced_sampling),
        )
        if is_set
    ]
    if len(evens) > 1:
        raise exits.UsageError(
            f"{' and '.join(evens)} even out the classes twice. Use one of them."
        )
    if evens and config.shuffle_labels:
        raise exits.UsageError(
            f"{evens[0]} goes by the labels of the dataset, and --shuffle_labels draws others. "
            "Leave one of them out."
        )
