"""What a training run is told: one frozen dataclass, its defaults and its contradictions."""

import dataclasses
import json
import pathlib
from typing import Any

from tfrecords import exits
from trainer.capacity import micro_batches

STRATEGIES = ("default", "one_device", "mirrored")
OPTIMIZERS = ("adam", "adamw")
SCHEDULES = ("cosine", "constant")
MONITORS = ("loss", "accuracy", "auc")
AUTO, PER_CLASS = "auto", "per_class"
HEADS = ("gap", "flatten")
LOGITS = (AUTO, PER_CLASS)
SCALINGS = ("own", "contrast")
AUGMENTATIONS = ("none", "flip", "flip_crop", "reference", "forensic")


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """The configuration of a run; the flags of `trainer.main` are its fields.

    Raises:
      UsageError: a value is out of range, or two contradict each other.
    """

    data_dir: str = "data"
    dataset: str = "sample"
    version: str | None = None
    target: str = "label"
    validation_fraction: float = 0.0
    run_dir: str | None = None
    strategy: str = "default"
    logical_cpus: int = 2
    model: str = "cnn"
    alpha: float = 1.0
    scaling: str = "own"
    weights: str | None = None
    image_size: int | None = None
    dropout: float = 0.2
    head: str = "gap"
    head_units: str = ""
    head_batch_norm: bool = False
    feature_dropout: float = 0.0
    logits: str = AUTO
    epochs: int = 12
    fine_tune_epochs: int = 0
    fine_tune_from: str = "0"
    global_batch_size: int = 64
    micro_batch: str = micro_batches.AUTO
    device_memory_gb: float | None = None
    optimizer: str = "adam"
    learning_rate: float = 3e-3
    fine_tune_learning_rate: float = 1e-5
    weight_decay: float = 1e-4
    schedule: str = "cosine"
    warmup_epochs: float = 0.5
    clip_norm: float = 1.0
    augment: str = "flip_crop"
    monitor: str = "auc"
    patience: int = 5
    seed: int = 0
    deterministic: bool = True
    checkpoint_steps: int = 500
    checkpoint_minutes: float = 15.0
    max_minutes: float | None = None
    max_skipped_steps: int = 10
    max_loss: float = 1000.0
    max_rollbacks: int = 2
    log_steps: int = 10
    shuffle_labels: bool = False
    restart: bool = False

    def __post_init__(self) -> None:
        self._check_choices()
        self._check_ranges()
        micro_batches.check(self.micro_batch)
        self._check_contradictions()
        _ = self.head_unit_counts
        if not self.epochs and not self.fine_tune_epochs:
            raise exits.UsageError(
                "--epochs and --fine_tune_epochs must not both be 0: nothing would be trained."
            )

    def _check_choices(self) -> None:
        for name, choices in (
            ("strategy", STRATEGIES),
            ("head", HEADS),
            ("logits", LOGITS),
            ("scaling", SCALINGS),
            ("optimizer", OPTIMIZERS),
            ("schedule", SCHEDULES),
            ("monitor", MONITORS),
            ("augment", AUGMENTATIONS),
        ):
            value = getattr(self, name)
            if value not in choices:
                raise exits.UsageError(
                    f"--{name} must be one of {', '.join(choices)}. Received: {value!r}."
                )

    def _check_ranges(self) -> None:
        ranges: dict[str, tuple[float, float]] = {
            "logical_cpus": (1, 64),
            "validation_fraction": (0, 0.9),
            "alpha": (0.1, 2),
            "dropout": (0, 0.95),
            "feature_dropout": (0, 0.95),
            "epochs": (0, 100_000),
            "fine_tune_epochs": (0, 100_000),
            "global_batch_size": (1, 1 << 20),
            "learning_rate": (0, 10),
            "fine_tune_learning_rate": (0, 10),
            "weight_decay": (0, 1),
            "warmup_epochs": (0, 1000),
            "clip_norm": (0, 1e9),
            "patience": (1, 100_000),
            "seed": (0, 2_000_000_000),  # NumPy takes 32 bits, and none below 0
            "checkpoint_steps": (1, 1 << 30),
            "checkpoint_minutes": (0.01, 100_000),
            "max_skipped_steps": (1, 1 << 30),
            "max_loss": (0, 1e30),
            "max_rollbacks": (0, 1000),
            "log_steps": (1, 1 << 30),
        }
        if self.image_size is not None:
            ranges["image_size"] = (8, 4096)
        if self.max_minutes is not None:
            ranges["max_minutes"] = (0.1, 1_000_000)
        if self.device_memory_gb is not None:
            ranges["device_memory_gb"] = (0.01, 100_000)
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise exits.UsageError(
                    f"--{name} must lie between {low:g} and {high:g}. Received: {value}."
                )

    def _check_contradictions(self) -> None:
        """Refuses a flag that would do nothing beside the others."""
        for names, needed, is_there in (
            (("logical_cpus",), "--strategy=mirrored", self.strategy == "mirrored"),
            (("weight_decay",), "--optimizer=adamw", self.optimizer == "adamw"),
            (
                ("fine_tune_from", "fine_tune_learning_rate"),
                "--fine_tune_epochs",
                self.fine_tune_epochs > 0,
            ),
        ):
            for name in names:
                value = getattr(self, name)
                if value != getattr(TrainConfig, name) and not is_there:
                    raise exits.UsageError(
                        f"--{name} is of use with {needed} alone. Received: --{name}={value}. "
                        f"Add {needed}, or leave it out."
                    )
        for name in ("epochs", "fine_tune_epochs"):
            epochs = getattr(self, name)
            if epochs and self.warmup_epochs >= epochs:
                raise exits.UsageError(
                    f"--warmup_epochs must be less than the epochs of each phase. Received: "
                    f"--warmup_epochs={self.warmup_epochs:g} --{name}={epochs}."
                )

    @property
    def head_unit_counts(self) -> tuple[int, ...]:
        """The units of the head's dense layers, in order."""
        words = self.head_units.split(",") if self.head_units else []
        if not all(word.isdecimal() and 0 < int(word) <= 1 << 20 for word in words):
            raise exits.UsageError(
                "--head_units must be numbers of units, such as 512 or 2048,2048. "
                f"Received: {self.head_units!r}."
            )
        return tuple(int(word) for word in words)

    @property
    def run_path(self) -> pathlib.Path:
        """The run's directory; by default `runs/<dataset>_<target>_<model>`."""
        default = f"runs/{self.dataset}_{self.target}_{self.model}"
        return pathlib.Path(self.run_dir or default)

    def lasting(self) -> dict[str, Any]:
        """Returns the fields that are of the run, and not of one call of its command."""
        fields = dataclasses.asdict(self)
        del fields["restart"]
        return fields

    def to_json(self) -> str:
        """Returns the configuration as JSON, one field a line."""
        return json.dumps(self.lasting(), indent=2) + "\n"

    def to_flags(self) -> str:
        """Returns an absl flag file: one `--name=value` a line, defaults included."""
        return "".join(
            f"--{name}={str(value).lower() if isinstance(value, bool) else value}\n"
            for name, value in self.lasting().items()
            if value is not None
        )

    def difference(self, other: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
        """Returns by field name (other's value, own value) where the two differ."""
        own = self.lasting()
        return {
            name: (other.get(name), own.get(name))
            for name in sorted(own.keys() | other.keys())
            if other.get(name) != own.get(name)
        }
