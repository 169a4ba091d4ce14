"""The files by which TensorFlow Datasets knows a directory: `tfds.load` then reads it.

They are what `tfds.folder_dataset.write_metadata` writes, without importing TensorFlow for it.
"""

import json
import pathlib
from typing import Any

from tfrecords import manifest, names, schema

_INFO = "dataset_info.json"
_FEATURES_FILE = "features.json"
NAMES = (_INFO, _FEATURES_FILE)  # beside the *.labels.txt
_FEATURES = "tensorflow_datasets.core.features."


def write(content: manifest.Manifest, directory: pathlib.Path) -> None:
    """Writes `dataset_info.json`, `features.json` and a `*.labels.txt` for each target."""
    for name, text in texts(content).items():
        (directory / name).write_text(text, encoding="utf-8")


def texts(content: manifest.Manifest) -> dict[str, str]:
    """Returns by name what stands in these files."""
    return {
        _INFO: _json(_dataset_info(content)),
        _FEATURES_FILE: _json(_features(content)),
        **{
            names.labels_file(name): "".join(f"{label}\n" for label in target.class_names)
            for name, target in content.targets.items()
        },
    }


def _dataset_info(content: manifest.Manifest) -> dict[str, Any]:
    return {
        "description": f"Images of {content.dataset}, built by data_pipeline.build.",
        "fileFormat": "tfrecord",
        "name": content.dataset,
        "splits": [
            {
                "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
                "name": name,
                "numBytes": str(sum(shard.bytes for shard in split.shards)),
                "shardLengths": [str(shard.records) for shard in split.shards],
            }
            for name, split in content.splits.items()
        ],
        "version": content.version,
    }


def _features(content: manifest.Manifest) -> dict[str, Any]:
    features = {
        schema.IMAGE: {
            "image": {
                "dtype": "uint8",
                "encodingFormat": "jpeg",
                "shape": {"dimensions": ["-1", "-1", "3"]},
            },
            "pythonClassName": _FEATURES + "image_feature.Image",
        },
        schema.IMAGE_ID: _text(),
        schema.GROUP_ID: _text(),
        schema.HEIGHT: _int64(),
        schema.WIDTH: _int64(),
    }
    features |= {name: _text() for name in content.attributes}
    features |= {
        name: {
            "classLabel": {"numClasses": str(len(target.class_names))},
            "pythonClassName": _FEATURES + "class_label_feature.ClassLabel",
        }
        for name, target in content.targets.items()
    }
    return {
        "featuresDict": {"features": features},
        "pythonClassName": _FEATURES + "features_dict.FeaturesDict",
    }


def _text() -> dict[str, Any]:
    return {"pythonClassName": _FEATURES + "text_feature.Text", "text": {}}


def _int64() -> dict[str, Any]:
    return {
        "pythonClassName": _FEATURES + "scalar.Scalar",
        "tensor": {"dtype": "int64", "encoding": "none", "shape": {}},
    }


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, sort_keys=True) + "\n"
