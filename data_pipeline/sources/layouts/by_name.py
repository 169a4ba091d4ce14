"""All layouts by name: a function from a source to a listing, and a line here."""

import dataclasses
import pathlib
from collections.abc import Callable

from data_pipeline.references import Listing
from data_pipeline.sources.kaggle import Remote
from data_pipeline.sources.layouts import (
    image_csv,
    image_folder,
    real_and_fake,
    sample,
    tfds,
    videos,
)
from data_pipeline.sources.layouts.options import SourceOptions


@dataclasses.dataclass(frozen=True)
class Layout:
    """How sources of a kind lie on disk.

    Attributes:
      list_source: from the source and what else is told of it to the listing.
      takes: the options of a build that are for this layout.
      remote: where Kaggle has the data.
    """

    list_source: Callable[[pathlib.Path | None, SourceOptions], Listing]
    takes: tuple[str, ...] = ()
    remote: Remote | None = None


_OF_CSV = ("path_column", "label_column", "group_column", "label_values")
_OF_VIDEOS = ("frames_per_video", "face_detector", "face_margin", "face_size", "max_faces")
_FACES_140K = Remote("xhlulu/140k-real-and-fake-faces", version=2)
_DEEPFAKE_AND_REAL = Remote("manjilkarki/deepfake-and-real-images", version=1)
_CIFAKE = Remote("birdy654/cifake-real-and-ai-generated-synthetic-images", version=3)
_DFDC = Remote("deepfake-detection-challenge")

LAYOUTS = {
    "artifact_240k": Layout(real_and_fake.artifact_240k),
    "cifake": Layout(real_and_fake.cifake, remote=_CIFAKE),
    "deepfake_and_real": Layout(real_and_fake.deepfake_and_real, remote=_DEEPFAKE_AND_REAL),
    "dfdc": Layout(videos.dfdc, takes=_OF_VIDEOS, remote=_DFDC),
    "faces_140k": Layout(real_and_fake.faces_140k, remote=_FACES_140K),
    "image_csv": Layout(image_csv.image_csv, takes=_OF_CSV),
    "image_folder": Layout(image_folder.image_folder),
    "sample": Layout(sample.sample),
    "tfds": Layout(tfds.tfds, takes=("group_column",)),
    "video_folder": Layout(videos.video_folder, takes=_OF_VIDEOS),
}
