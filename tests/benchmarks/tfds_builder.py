"""A dataset builder of TensorFlow Datasets on Beam, as its documentation writes them."""

import pathlib
from typing import ClassVar

import apache_beam as beam
import tensorflow_datasets as tfds

from tests.benchmarks import build_peers


class Photographs(tfds.core.BeamBasedBuilder):
    """The same images, shrunk by the same function; no checks, no splits by content."""

    VERSION = tfds.core.Version("1.0.0")
    pkg_dir_path = pathlib.Path(__file__).parent  # where TFDS looks for a description
    url_infos: ClassVar = {}  # nothing is downloaded

    def __init__(self, *, source: pathlib.Path, **kwargs):
        self._source = source
        super().__init__(**kwargs)

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg"),
            "label": tfds.features.ClassLabel(names=["real", "fake"]),
        }
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(sorted(self._source.rglob("*.jpg")))}

    def _generate_examples(self, paths):
        return beam.Create(list(map(str, paths))) | beam.Map(_example)


def _example(name):
    path = pathlib.Path(name)
    # Bytes that are a JPEG already are stored as they are: it need not decode what we encode.
    jpeg = build_peers.shrunk(path.read_bytes())
    return path.name, {"image": jpeg, "label": path.parent.name}
