"""The bundle: everything that a prediction needs, in a directory of its own.

A model is rebuilt from a small JSON file, and gets weights only: no code is ever loaded.
"""

import dataclasses
import hashlib
import json
import pathlib
import shutil
from typing import Any, Self

import numpy as np
import tensorflow as tf

from tfrecords import exits, version
from trainer.networks import models
from trainer.scoring import calibration
from trainer.scoring.calibration import Calibration

CONFIG = "config.json"
WEIGHTS = "model.weights.h5"
FORMAT_VERSION = 1


@dataclasses.dataclass(frozen=True)
class BundleConfig:
    """What is known of a trained model beside its weights.

    Attributes:
      model: the architecture.
      target: what was learnt, such as `label`.
      class_names: in the order of the indices.
      positive: the index of the class that a single logit speaks of.
      calibration: of the logits; fitted on the validation split.
      threshold: from this probability on, the positive class is said.
      trained_on: the dataset, its version and plan digest.
      weights_sha256: of the variables' values, see `weights_sha256`.
      weights_file_sha256: of the file.
    """

    model: models.ModelSpec
    target: str
    class_names: tuple[str, ...]
    positive: int
    calibration: Calibration
    threshold: float
    trained_on: dict[str, str]
    weights_sha256: str
    weights_file_sha256: str = ""
    preprocessing: str = (
        "RGB, uint8; the short side is scaled to image_size unless it is between image_size and "
        "1.25 times image_size; the middle square is cropped; all else is inside the model"
    )
    code_version: str = version.VERSION
    format_version: int = FORMAT_VERSION

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads what `write` wrote."""
        fields: dict[str, Any] = json.loads(text)
        if fields["format_version"] != FORMAT_VERSION:
            raise ValueError(f"its format version is {fields['format_version']}")
        fields["model"] = models.ModelSpec.from_json(fields["model"])
        fields["calibration"] = Calibration(**fields["calibration"])
        fields["class_names"] = tuple(fields["class_names"])
        return cls(**fields)


@dataclasses.dataclass(frozen=True)
class Bundle:
    """A model that was loaded from a bundle."""

    config: BundleConfig
    classifier: models.Classifier

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Returns calibrated class probabilities, [batch, classes], of uint8 [batch, s, s, 3]."""
        config = self.config
        logits = self.classifier(tf.constant(images), training=False).numpy()
        return calibration.probabilities(logits, config.positive, config.calibration)


def write(directory: pathlib.Path, config: BundleConfig, classifier: models.Classifier) -> None:
    """Writes a bundle whole or not at all, in the place of an older one."""
    temporary = directory.with_name(f".{directory.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    classifier.save_weights(temporary / WEIGHTS)
    config = dataclasses.replace(config, weights_file_sha256=_file_sha256(temporary / WEIGHTS))
    text = json.dumps(dataclasses.asdict(config), indent=2) + "\n"
    (temporary / CONFIG).write_text(text, encoding="utf-8")
    shutil.rmtree(directory, ignore_errors=True)
    temporary.rename(directory)


def read_config(directory: pathlib.Path) -> BundleConfig:
    """Reads what is known of a bundle beside its weights.

    Raises:
      DataError: it is absent, damaged or of another format.
    """
    try:
        return BundleConfig.from_json((directory / CONFIG).read_text(encoding="utf-8"))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise exits.DataError(_no_bundle(directory, error)) from error


def _no_bundle(directory: pathlib.Path, error: Exception) -> str:
    reason = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else error
    return f"{directory} is no bundle of this software: {reason}."


def load(directory: pathlib.Path) -> Bundle:
    """Loads a bundle.

    Raises:
      DataError: it is absent, damaged or of another format.
    """
    config = read_config(directory)
    try:
        found = _file_sha256(directory / WEIGHTS)
    except OSError as error:
        raise exits.DataError(_no_bundle(directory, error)) from error
    if found != config.weights_file_sha256:
        raise exits.DataError(
            f"{directory / WEIGHTS} is damaged: its sha256 is {found} and should be "
            f"{config.weights_file_sha256}. Copy the bundle again."
        )
    classifier = models.build(config.model)
    classifier.load_weights(directory / WEIGHTS)
    return Bundle(config, classifier)


def weights_sha256(classifier: models.Classifier) -> str:
    """Returns a hash of all weights' shapes and values, the same wherever they are stored."""
    digest = hashlib.sha256()
    for variable in classifier.weights:
        value = variable.numpy()
        digest.update(f"{value.dtype}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()


def _file_sha256(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
