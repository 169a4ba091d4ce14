"""A directory that TensorFlow Datasets prepared: its features, classes and shards.

Read from the JSON files that stand in it, so that neither TensorFlow nor the data set's own code is
needed.
"""

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from data_pipeline.references import plain
from tfrecords import exits, names

_INFO = "dataset_info.json"
_FEATURES = "features.json"
_DEFAULT_TEMPLATE = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
_FORMAT = "tfrecord"
_DTYPES = ("", "uint8", "uint16")  # other numbers do not stand in a PNG or JPEG as they are


@dataclasses.dataclass(frozen=True)
class Shard:
    """One file: its path, the split that TFDS calls it, and how many records it should hold."""

    path: pathlib.Path
    split: str
    records: int


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What stands in a directory of TensorFlow Datasets.

    Attributes:
      image: the name of the feature that is the image.
      classes: by feature the names of its classes, in the order of their indices.
      texts: the names of the features that are text.
      shards: all files that should be there, in order.
    """

    image: str
    classes: Mapping[str, tuple[str, ...]]
    texts: tuple[str, ...]
    shards: tuple[Shard, ...]


def open_directory(source: pathlib.Path) -> Prepared:
    """Reads the one prepared data set in a directory, `[name/[config/]version/]features.json`.

    Raises:
      DataError: there is none or several, its files are no TFRecords, its records have not just one
        image, no class, or images in an encoding of their own.
    """
    directory = _locate(source)
    info = _read_json(directory / _INFO)
    try:
        features = _read_json(directory / _FEATURES)["featuresDict"]["features"]
        images = [name for name, feature in features.items() if "image" in feature]
        labelled = {name for name, feature in features.items() if "classLabel" in feature}
        texts = [name for name, feature in features.items() if "text" in feature]
        if len(images) != 1 or not labelled:
            raise exits.DataError(
                f"{directory} is not of images with a class: its records must have one Image "
                f"feature and a ClassLabel. Received: {_kinds(features)}."
            )
        _check_encoding(directory, info, features[images[0]]["image"])
        return Prepared(
            image=images[0],
            classes={
                name: _class_names(directory, name, features[name]["classLabel"])
                for name in sorted(labelled)
            },
            texts=tuple(sorted(texts)),
            shards=_shards(directory, info),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, exits.DataError):
            raise
        raise exits.DataError(
            f"{directory}: {_FEATURES} or {_INFO} is none that TensorFlow Datasets 4 writes: "
            f"{error!r}. Prepare the data set again."
        ) from error


def _locate(source: pathlib.Path) -> pathlib.Path:
    if source.is_file():
        raise exits.DataError(
            f"--source={source} is a file. --layout=tfds reads a directory that TensorFlow "
            "Datasets prepared: unpack it."
        )
    found = sorted(
        path.parent for path in source.rglob(_FEATURES) if (path.parent / _INFO).exists()
    )
    if len(found) == 1:
        return found[0]
    there = ", ".join(str(path) for path in found) or "none"
    raise exits.DataError(
        f"--source={source} must hold one data set that TensorFlow Datasets prepared, with "
        f"{_FEATURES} and {_INFO} in NAME/VERSION/. Received: {there}."
        + (" Name one of them with --source." if found else "")
    )


def _read_json(path: pathlib.Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise exits.DataError(f"{path} cannot be read: {error}.") from error
    if not isinstance(content, dict):
        raise exits.DataError(f"{path} cannot be read: it is no object of JSON.")
    return content


def _kinds(features: Mapping[str, Any]) -> str:
    kinds = (
        f"{plain(name)} ({feature['pythonClassName'].rpartition('.')[2]})"
        for name, feature in features.items()
    )
    return ", ".join(kinds)


def _check_encoding(directory: pathlib.Path, info: Mapping[str, Any], image: Any) -> None:
    file_format = info.get("fileFormat", _FORMAT)
    if file_format != _FORMAT:
        raise exits.DataError(
            f"{directory} holds files of format {plain(file_format)}; --layout=tfds reads "
            f"{_FORMAT}. Prepare the data set again with tfds build --file_format={_FORMAT}."
        )
    if image.get("dtype", "") not in _DTYPES:
        raise exits.DataError(
            f"{directory} holds images of {plain(image['dtype'])}; --layout=tfds reads those of "
            "uint8 and uint16, which are stored as PNG or JPEG."
        )


def _class_names(directory: pathlib.Path, name: str, label: Mapping[str, Any]) -> tuple[str, ...]:
    path = directory / names.labels_file(name)
    num_classes = int(label["numClasses"])
    if not path.exists():
        return tuple(str(index) for index in range(num_classes))
    class_names = tuple(path.read_text(encoding="utf-8").splitlines())
    if len(class_names) != num_classes or len(set(class_names)) < num_classes:
        raise exits.DataError(
            f"{path} must hold {num_classes} different names, one a line. "
            f"Received: {len(class_names)}, {len(set(class_names))} of them different."
        )
    return class_names


def _shards(directory: pathlib.Path, info: Mapping[str, Any]) -> tuple[Shard, ...]:
    shards = []
    for split in info["splits"]:
        template = split.get("filepathTemplate", _DEFAULT_TEMPLATE)
        lengths = [int(length) for length in split.get("shardLengths", ())]
        for index, records in enumerate(lengths):
            values = {
                "DATASET": info["name"],
                "SPLIT": split["name"],
                "FILEFORMAT": _FORMAT,
                "SHARD_INDEX": f"{index:05d}",
                "NUM_SHARDS": f"{len(lengths):05d}",
                "SHARD_X_OF_Y": f"{index:05d}-of-{len(lengths):05d}",
            }
            name = template
            for key, value in values.items():
                name = name.replace(f"{{{key}}}", value)
            if name.startswith("/") or ".." in name.split("/"):
                raise ValueError(f"{name!r} leads out of the directory")
            shards.append(Shard(directory / name, split["name"], records))
    return tuple(shards)
