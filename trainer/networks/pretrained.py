"""Loads pretrained weights into a backbone, and says clearly when a file is not what it claims."""

import hashlib
import os
import pathlib
import re
import warnings

import h5py
import numpy as np

from tfrecords import exits
from trainer.networks import backbones, models

_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_URL = re.compile(r"https?://\S+?(?=:? |$)")


def build(spec: models.ModelSpec, weights: str) -> models.Classifier:
    """Returns a model whose backbone has the weights asked for.

    Args:
      spec: the model.
      weights: `imagenet`, `none`, or the path of a weights file of `keras.applications` made with
        `include_top=False`.

    Raises:
      UsageError: the weights do not go with the model.
      DataError: the file is absent, damaged, or of another architecture.
      MachineError: the weights cannot be downloaded.
    """
    if weights == "none":
        return models.build(spec)
    if spec.name not in backbones.PRETRAINED:
        raise exits.UsageError(
            f"--model={spec.name} has no pretrained weights. Received: --weights={weights}. "
            f"Use --weights=none, or a model of {', '.join(backbones.PRETRAINED)}."
        )
    if weights == "imagenet":
        _check_alpha(spec)
        return _download(spec)
    path = pathlib.Path(weights)
    check_file(path)
    classifier = models.build(spec)
    _load(classifier, path)
    return classifier


def sha256(weights: str) -> str | None:
    """Returns the hash of the weights file, or None where `weights` is not a path."""
    path = pathlib.Path(weights)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def check_file(path: pathlib.Path) -> None:
    """Checks that a file is a whole HDF5 file.

    Raises:
      DataError: it is absent, a pointer to a file elsewhere, a text, or cut off.
    """
    if not path.is_file():
        raise exits.DataError(
            f"--weights={path}: there is no such file. Use a path, imagenet or none."
        )
    with path.open("rb") as file:
        start = file.read(256)
    size = f"{path.stat().st_size:,} bytes"
    if start.startswith(b"version https://git-lfs"):
        raise exits.DataError(
            f"{path} ({size}) is a pointer of Git LFS and holds no weights. "
            "Fetch the file itself with: git lfs pull"
        )
    if not start.startswith(_HDF5_SIGNATURE):
        raise exits.DataError(
            f"{path} ({size}) is no HDF5 file: it begins with {start[:24]!r}. "
            "Download the weights again."
        )
    try:
        with h5py.File(path, "r"):
            pass
    except OSError as error:
        raise exits.DataError(
            f"{path} ({size}) is damaged or cut off: {error}. Download the weights again."
        ) from error


def _check_alpha(spec: models.ModelSpec) -> None:
    alphas = backbones.BACKBONES[spec.name].alphas
    if alphas and spec.alpha not in alphas:
        raise exits.UsageError(
            f"There are ImageNet weights of {spec.name} for --alpha={', '.join(map(str, alphas))}. "
            f"Received: {spec.alpha}. Use one of these, or --weights=none."
        )


def _load(classifier: models.Classifier, path: pathlib.Path) -> None:
    # Keras leaves a layer that it does not find in the file as it was, with a warning that it also
    # gives for whole files. So every variable is made NaN first: what is still NaN was not loaded.
    backbone = classifier.backbone
    for variable in backbone.weights:
        variable.assign(np.full(variable.shape, np.nan, np.float32))
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Skipping nested container")
            backbone.load_weights(path)
    except (KeyError, ValueError, OSError) as error:
        reason = re.split(" Target variable:| List of objects", " ".join(str(error).split()))[0]
        raise _misfit(classifier.spec, path, reason) from error
    missing = [v.path for v in backbone.weights if np.isnan(v.numpy()).any()]
    if missing:
        raise _misfit(
            classifier.spec, path, f"{len(missing)} variables are not in it: {missing[0]}."
        )


def _misfit(spec: models.ModelSpec, path: pathlib.Path, reason: str) -> exits.DataError:
    return exits.DataError(
        f"{path} does not fit --model={spec.name} --alpha={spec.alpha}: {reason} "
        "The file must hold the weights of that model of keras.applications, made with "
        "include_top=False."
    )


def _download(spec: models.ModelSpec) -> models.Classifier:
    folder = pathlib.Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "models"
    try:
        return models.build(spec, weights="imagenet")
    except exits.UsageError:
        raise
    except Exception as error:  # keras.utils.get_file raises bare Exception
        url = _URL.search(str(error))
        if url is None:
            _check_cached(folder)
            raise
        name = url[0].rsplit("/", 1)[-1]
        raise exits.MachineError(
            f"The ImageNet weights of {spec.name} cannot be downloaded: {error}. Without a "
            f"network, fetch {url[0]} elsewhere and put it to {folder / name}, or give its path "
            "by --weights=PATH, or train from random weights by --weights=none."
        ) from error


def _check_cached(folder: pathlib.Path) -> None:
    """Looks for the file of an earlier download that was cut off: h5py does not name it."""
    for path in sorted(folder.glob("*.h5")):
        try:
            check_file(path)
        except exits.DataError as error:
            raise exits.DataError(
                f"An earlier download was cut off: {error} "
                f"Delete {path}, and run the same command again."
            ) from error
