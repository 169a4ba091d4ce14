"""What a training run is told: one frozen dataclass and its defaults."""

import dataclasses
import json
import pathlib
from typing import Any

from tfrecords import exits, settings
from trainer import choices, contradictions
from trainer.capacity import micro_batches
from trainer.networks import backbones
from trainer.reporting import profiling


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """The configuration of a run; the flags of `trainer.main` are its fields.

    Raises:
      UsageError: a value is out of range, or two contradict each other.
    """

    _data = settings.Section("The data", is_of_result=True)
    dataset: str = settings.text("sample", "The dataset's name.")
    version: str | None = settings.text(None, "Its version; by default the highest.")
    target: str = settings.text("label", "What is learnt: label, or a further target.")
    validation_fraction: float = settings.number(
        0.0,
        0,
        0.9,
        "Share of the training groups to validate on, where there is no validation split.",
    )
    shuffle_labels: bool = settings.switch(
        False, "Train on shuffled labels: an AUC far from .5 is then a leak."
    )

    _places = settings.Section("The directories")
    data_dir: str = settings.place("data", "The directory that datasets are built in.")
    run_dir: str | None = settings.place(
        None, "The run's directory; default: runs/<dataset>_<target>_<model>."
    )

    _model = settings.Section("The model", is_of_result=True)
    model: str = settings.choice("cnn", backbones.BACKBONES, "The model")
    weights: str | None = settings.place(
        None, "What the backbone starts from: imagenet, none, or the path of a weights file."
    )
    alpha: float = settings.number(1.0, 0.1, 2, "The width of mobilenet_v2.")
    image_size: int | None = settings.number(
        None, 8, 4096, "Side of the model's images; default: as the dataset's."
    )
    scaling: str = settings.choice(
        "own", choices.SCALINGS, "What a network that starts from random weights sees"
    )
    head: str = settings.choice("gap", choices.HEADS, "What makes features of the backbone's maps")
    head_units: str = settings.text(
        "", "Units of dense layers before the last, such as 512 or 2048,2048."
    )
    head_batch_norm: bool = settings.switch(False, "Batch norm after each layer of --head_units.")
    feature_dropout: float = settings.number(
        0.0, 0, 0.95, "The share of features dropped before --head_units."
    )
    dropout: float = settings.number(
        0.2, 0, 0.95, "The share of values dropped before the last layer."
    )
    logits: str = settings.choice(
        choices.AUTO,
        choices.LOGITS,
        "The outputs: auto means one logit for two classes, else one for each",
    )
    batch_norm: str = settings.choice(
        choices.AUTO,
        choices.BATCH_NORMS,
        "The backbone's: frozen keeps its statistics, sync learns them over all replicas, local on "
        "each by itself; auto is frozen where the weights are pretrained, else sync",
    )
    precision: str = settings.choice(
        choices.AUTO, choices.PRECISIONS, "What the model computes in; auto goes by the GPU"
    )

    _phases = settings.Section("The phases", is_of_result=True)
    epochs: int = settings.number(
        12, 0, 100_000, "Epochs at most; of the head, if there is a backbone."
    )
    fine_tune_epochs: int = settings.number(0, 0, 100_000, "Epochs of fine-tuning at most.")
    fine_tune_from: str = settings.text(
        "0",
        "The first layer to fine-tune: its name or index. Several, such as "
        "block_13_expand,block_6_expand,0, unfreeze the backbone step by step from its end, each "
        "for --fine_tune_epochs.",
    )
    monitor: str = settings.choice("auc", choices.MONITORS, "Validation metric of the best epoch")
    patience: int = settings.number(5, 1, 100_000, "Epochs without improvement before stopping.")
    seed: int = settings.number(
        0, 0, 2_000_000_000, "Decides order, augmentation, dropout, first weights."
    )

    _examples = settings.Section("The examples", is_of_result=True)
    global_batch_size: int = settings.number(
        64, 1, 1 << 20, "Examples per step, of all replicas together."
    )
    augment: str = settings.choice("flip_crop", choices.AUGMENTATIONS, "Changes of training images")
    mixup_alpha: float = settings.number(
        0.0, 0, 10, "Mix images and labels by shares of Beta(alpha, alpha); 0: do not."
    )
    balanced_sampling: bool = settings.switch(
        False, "Show each class equally often; an epoch is as long as before."
    )
    class_weights: str = settings.choice(
        choices.NONE, choices.CLASS_WEIGHTS, "What an example counts by its class"
    )
    label_smoothing: float = settings.number(
        0.0, 0, 0.9, "The share of each label that is spread over all classes."
    )
    feature_cache: bool = settings.switch(True, "Compute a frozen backbone's features once.")
    cached_views: int = settings.number(
        0, 0, 1000, "Augmented forms of each image whose features are computed once, for the head."
    )

    _optimizer = settings.Section("The optimizer", is_of_result=True)
    optimizer: str = settings.choice("adam", choices.OPTIMIZERS, "The optimizer")
    learning_rate: float = settings.number(3e-3, 0, 10, "The highest learning rate.")
    fine_tune_learning_rate: float = settings.number(
        1e-5, 0, 10, "The highest learning rate of fine-tuning."
    )
    layer_decay: float = settings.number(
        1.0, 0.01, 1, "In fine-tuning, the rate of each layer as a share of that of the next."
    )
    schedule: str = settings.choice(
        "cosine", choices.SCHEDULES, "The learning rate after the warm-up"
    )
    warmup_epochs: float = settings.number(0.5, 0, 1000, "Epochs of linear warm-up.")
    decay_epochs: int = settings.number(
        2,
        1,
        100_000,
        "Epochs from one fall of the rate to the next with step; without improvement with plateau.",
    )
    decay_factor: float = settings.number(
        0.1, 0.001, 0.999, "The share of the learning rate that is left after each of these falls."
    )
    weight_decay: float = settings.number(1e-4, 0, 1, "The weight decay of adamw, sgd and lion.")
    momentum: float = settings.number(0.9, 0, 0.9999, "The momentum of sgd.")
    nesterov: bool = settings.switch(False, "Nesterov's momentum, with sgd.")
    clip_norm: float = settings.number(1.0, 0, 1e9, "The largest norm of the gradient; 0: any.")
    ema_momentum: float = settings.number(
        0.0, 0, 0.99999, "Momentum of an average of the weights that is used for them; 0: none."
    )

    _devices = settings.Section("Devices, memory and speed")
    strategy: str = settings.choice("default", choices.STRATEGIES, "The devices")
    devices: str = settings.text(
        "", "The GPUs, or devices of the CPU, to train on, by index, such as 0,2; default: all."
    )
    logical_cpus: int = settings.number(
        2, 1, 64, "Devices made of the CPU where several are asked for and there is no GPU."
    )
    micro_batch: str = settings.text(
        micro_batches.AUTO,
        "Examples that a replica works on at a time: auto, or a divisor of its part of the batch.",
    )
    device_memory_gb: float | None = settings.number(
        None, 0.01, 100_000, "Memory of each device to plan with; default: what this machine has."
    )
    remat: bool = settings.switch(
        False,
        "Keep few activations and compute the others again in the backward pass: less memory, so "
        "that larger micro-batches fit, for steps that take up to two fifths longer.",
    )
    steps_per_call: int = settings.number(
        0,
        0,
        1000,
        "Steps that the devices are given at once, at most; 0: some, where they are quick.",
    )
    decoded_cache: bool = settings.switch(True, "Keep decoded images if input is slow.")
    deterministic: bool = settings.switch(True, "Resume to the bit; off may be faster on a GPU.")

    _resuming = settings.Section("Saving and resuming")
    checkpoint_steps: int = settings.number(500, 1, 1 << 30, "Steps between checkpoints.")
    checkpoint_minutes: float = settings.number(
        15.0, 0.01, 100_000, "Minutes between checkpoints at most."
    )
    max_minutes: float | None = settings.number(
        None,
        0.1,
        1_000_000,
        "Save and leave when these are nearly over, to be resumed; default: no limit.",
    )
    restart: bool = settings.switch(False, "Set aside the run that is there; begin anew.")
    supervise: bool = settings.switch(
        False, "Watch over the training from a process beside it: start it again if it dies."
    )

    _safety = settings.Section("Where training goes wrong")
    max_skipped_steps: int = settings.number(
        10,
        1,
        1 << 30,
        "Steps in a row that are not finite before the weights go back to the last checkpoint.",
    )
    max_loss: float = settings.number(
        1000.0, 0, 1e30, "The loss above which the weights go back to the last checkpoint."
    )
    max_rollbacks: int = settings.number(
        2, 0, 1000, "How often the weights may go back before training gives up."
    )

    _monitoring = settings.Section("Monitoring")
    log_steps: int = settings.number(10, 1, 1 << 30, "Steps between lines of the log.")
    profile_steps: str | None = settings.text(
        None, "First and last step to profile, such as 10,15."
    )

    def __post_init__(self) -> None:
        if self.strategy == "parameter_server":
            raise exits.UsageError(
                "--strategy=parameter_server is not offered: its workers change the weights each "
                "for itself, so that there is no gradient of the global batch to be checked and "
                "clipped, and no run to be resumed to the bit. "
                f"Use one of {', '.join(choices.STRATEGIES)}."
            )
        settings.check(self)
        micro_batches.check(self.micro_batch)
        profiling.parse(self.profile_steps)
        contradictions.check(self)
        _ = self.head_unit_counts, self.device_indices

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
    def device_indices(self) -> tuple[int, ...]:
        """The devices to train on, in order; empty for all."""
        words = self.devices.split(",") if self.devices else []
        indices = [int(word) for word in words if word.isdecimal()]
        if len(set(indices)) != len(words):
            raise exits.UsageError(
                "--devices must be indices of devices, each once, such as 0 or 0,2. "
                f"Received: {self.devices!r}."
            )
        return tuple(indices)

    @property
    def run_path(self) -> pathlib.Path:
        """The run's directory; by default `runs/<dataset>_<target>_<model>`."""
        default = f"runs/{self.dataset}_{self.target}_{self.model}"
        return pathlib.Path(self.run_dir or default)

    def hyperparameters(self) -> dict[str, Any]:
        """Returns the fields that decide what is learnt."""
        return {name: getattr(self, name) for name in HYPERPARAMETERS}

    def lasting(self) -> dict[str, Any]:
        """Returns the fields that are of the run, and not of one call of its command."""
        fields = dataclasses.asdict(self)
        del fields["restart"], fields["supervise"]
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


HYPERPARAMETERS = tuple(
    name
    for section, names in settings.sections(TrainConfig).items()
    if section.is_of_result
    for name in names
)
