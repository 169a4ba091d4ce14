"""What a build is told: one frozen dataclass, its defaults and its contradictions."""

import dataclasses
import math
import os
import pathlib
import shlex
from collections.abc import Mapping
from typing import Any

from data_pipeline.sources import kaggle
from data_pipeline.sources.layouts import options as layout_options
from data_pipeline.sources.layouts.by_name import LAYOUTS, Layout
from data_pipeline.video import faces
from tfrecords import exits, names, settings

SOURCE_SPLITS = "source"
DISJOINT_SPLITS = "source-disjoint"
DEFAULT_FRACTIONS = (0.8, 0.1, 0.1)
_OF_A_RUN = ("overwrite", "dry_run", "beam_options", "num_workers")  # of no dataset


@dataclasses.dataclass(frozen=True)
class BuildConfig:
    """The configuration of a build; the flags of `data_pipeline.build` are its fields.

    Raises:
      UsageError: a value is out of range, or two contradict each other.
    """

    _source = settings.Section("The source")
    dataset: str = settings.text("sample", "The name of the dataset that is built.")
    layout: str | None = settings.text(
        None, f"How the source lies on disk: {', '.join(LAYOUTS)}; default: as the dataset's name."
    )
    source: str | None = settings.place(
        None,
        "A directory or a zip archive, which is never changed; or kaggle, to fetch what the layout "
        "is of, with the extra [kaggle].",
    )
    path_column: str | None = settings.text(
        None,
        "Of image_csv: the column of the images' paths, relative to the csv file or to the source. "
        "Default: path.",
    )
    label_column: str | None = settings.text(
        None, "Of image_csv: the column of labels. Default: label."
    )
    group_column: str | None = settings.text(
        None, "Of image_csv and tfds: what must not straddle splits, such as a person or a video."
    )
    label_values: str | None = settings.text(
        None, "Of image_csv: which classes labels stand for, such as 0=real,1=fake."
    )

    _result = settings.Section("The dataset")
    data_dir: str = settings.place("data", "The directory that datasets are built in.")
    version: str = settings.text("1.0.0", "The dataset's version.")
    image_size: int | None = settings.number(
        None,
        8,
        8192,
        "The longest short side in pixels; larger images are scaled down. Default: 256.",
    )
    splits: str | None = settings.text(
        None,
        "Shares of train, validation and test, such as 0.8,0.1,0.1; or source for the source's "
        "own; or source-disjoint for these, with what test or validation shares with a split "
        "before it left out of that one. Default: source where it has splits, else 0.8,0.1,0.1.",
    )
    near_duplicate_bits: int = settings.number(
        4,
        -1,
        8,
        "In how many bits of 64 the hashes of pictures that look alike may differ; they are kept "
        "in one split. 0 takes equal hashes alone, -1 ties nothing.",
    )
    equalize: bool = settings.switch(
        False,
        "Encode all images alike, as coarsely as the coarse ones among them, so that the file "
        "format cannot give the label away.",
    )
    seed: int = settings.number(0, 0, 2_000_000_000, "Decides splits and order.")
    limit: int | None = settings.number(
        None, 1, math.inf, "Build from a sample of so many images or videos, chosen by the seed."
    )
    records_per_shard: int = settings.number(1024, 1, 1 << 20, "Records per shard at most.")
    max_reject_fraction: float = settings.number(
        0.05, 0, 1, "Share of files that may be rejected; with more, nothing is published."
    )

    _videos = settings.Section("Videos")
    frames_per_video: int = settings.number(
        10, 1, 1000, "Frames of a video, spread evenly over its time."
    )
    face_detector: str = settings.text(
        "dlib",
        "What finds the faces of videos: dlib, or yunet:PATH with the path of YuNet's ONNX model.",
    )
    face_margin: float = settings.number(
        1.3, 1, 4, "Side of the square around a face, as a multiple of the face's."
    )
    face_size: int = settings.number(
        256,
        32,
        1024,
        "The largest side of a square around a face in pixels; larger ones are scaled down.",
    )
    max_faces: int = settings.number(1, 1, 64, "Faces of a frame, the largest first.")

    _build = settings.Section("The build")
    num_workers: int = settings.number(
        0, 0, 1024, "Processes that open files; 0 chooses by the work and the machine."
    )
    overwrite: bool = settings.switch(False, "Replace a dataset that was built otherwise.")
    dry_run: bool = settings.switch(False, "Say what would be built, or why not; write nothing.")
    beam_options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not names.is_dataset_name(self.dataset):
            raise exits.UsageError(
                "--dataset must be lower-case letters, digits and underscores, and begin with a "
                f"letter. Received: {self.dataset!r}."
            )
        if not names.is_version(self.version):
            raise exits.UsageError(f"--version must look like 1.0.0. Received: {self.version!r}.")
        if self.layout_name not in LAYOUTS:
            raise exits.UsageError(
                f"--layout must be one of {', '.join(LAYOUTS)}. "
                f"Received: {self.layout_name!r}."
                + (
                    ""
                    if self.layout
                    else f" It says how the source of --dataset={self.dataset} "
                    "lies on disk; a folder for each class is --layout=image_folder."
                )
            )
        settings.check(self)
        self._check_videos()
        self._check_layout()
        self._check_source()
        self._check_places()
        self.fractions()
        self.source_options()

    def _check_layout(self) -> None:
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        for name in dict.fromkeys(name for layout in LAYOUTS.values() for name in layout.takes):
            value = getattr(self, name)
            if value != defaults[name] and (name not in self._layout.takes or value == ""):
                takers = [key for key, layout in LAYOUTS.items() if name in layout.takes]
                raise exits.UsageError(
                    f"--{name} is for --layout={' or '.join(takers)}, and must not be empty. "
                    f"Received: --{name}={value} with --layout={self.layout_name}."
                )

    def _check_source(self) -> None:
        if self.source is None and self.remote is not None:
            raise exits.UsageError(
                f"--layout={self.layout_name} needs --source=DIRECTORY, --source=ZIP, or "
                f"--source={kaggle.SOURCE} to fetch {self.remote.url}."
            )
        if self.is_on_kaggle and self.remote is None:
            there = [name for name, layout in LAYOUTS.items() if layout.remote]
            raise exits.UsageError(
                f"--source={kaggle.SOURCE} is for --layout={' or '.join(there)}. "
                f"Received: --layout={self.layout_name}. A directory of that name is "
                f"--source=./{kaggle.SOURCE}."
            )

    def _check_places(self) -> None:
        if self.source is None or self.is_on_kaggle:
            return
        if not self.source:
            raise exits.UsageError("--source must not be empty: name a directory or a zip archive.")
        source, output = _followed(self.source), _followed(self.parent)
        if output.is_relative_to(source) or source.is_relative_to(output):
            raise exits.UsageError(
                "--source must neither hold the directory that is built nor lie in it. "
                f"Received: --source={self.source}, output {self.parent}. Use another --data_dir."
            )

    def _check_videos(self) -> None:
        model = self.face_detector.removeprefix(faces.YUNET)
        if self.face_detector != faces.DLIB and model in ("", self.face_detector):
            raise exits.UsageError(
                f"--face_detector must be {faces.DLIB} or {faces.YUNET}PATH of its ONNX model. "
                f"Received: {self.face_detector!r}."
            )
        if "face_size" in self._layout.takes and self.image_size is not None:
            raise exits.UsageError(
                f"--layout={self.layout_name} stores faces: use --face_size instead of "
                f"--image_size={self.image_size}."
            )

    @property
    def layout_name(self) -> str:
        """The layout, by default that of the dataset's name."""
        return self.layout or self.dataset

    @property
    def _layout(self) -> Layout:
        return LAYOUTS[self.layout_name]

    @property
    def is_on_kaggle(self) -> bool:
        """Whether the source is to be fetched from Kaggle."""
        return self.source == kaggle.SOURCE

    @property
    def remote(self) -> kaggle.Remote | None:
        """Where Kaggle has what the layout is of."""
        return self._layout.remote

    @property
    def source_path(self) -> pathlib.Path | None:
        """The source, if the layout needs one and it is on this machine."""
        if self.source is None or self.is_on_kaggle:
            return None
        return pathlib.Path(self.source)

    def source_options(self) -> layout_options.SourceOptions:
        """Returns what the layout is told beside the source.

        Raises:
          UsageError: the values of labels are not named as they should be.
        """
        given = {
            name: getattr(self, name)
            for name in ("path_column", "label_column", "group_column")
            if getattr(self, name) is not None
        }
        values: Mapping[str, str] = {}
        if self.label_values is not None:
            values = layout_options.parse_label_values(self.label_values)
        return layout_options.SourceOptions(seed=self.seed, label_values=values, **given)

    @property
    def parent(self) -> pathlib.Path:
        """The directory of all versions of the dataset."""
        return pathlib.Path(self.data_dir) / self.dataset

    @property
    def directory(self) -> pathlib.Path:
        """The directory of the version that is built."""
        return self.parent / self.version

    def fractions(self) -> tuple[float, ...] | None:
        """Returns the shares of train, validation and test; None where the source decides.

        Raises:
          UsageError: they are no three shares that add up to 1.
        """
        if self.splits in (SOURCE_SPLITS, DISJOINT_SPLITS):
            return None
        if self.splits is None:
            return DEFAULT_FRACTIONS
        try:
            shares = tuple(float(share) for share in self.splits.split(","))
        except ValueError:
            shares = ()
        if len(shares) != 3 or min(shares) < 0 or not math.isclose(sum(shares), 1, abs_tol=1e-6):
            raise exits.UsageError(
                "--splits must be the shares of train, validation and test, which add up to 1, "
                f"such as 0.8,0.1,0.1, or {SOURCE_SPLITS}, or {DISJOINT_SPLITS}. "
                f"Received: {self.splits!r}."
            )
        return shares

    def options(self) -> dict[str, Any]:
        """Returns what determines the dataset, by name; a repair may be typed anywhere."""
        options = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in (*_OF_A_RUN, "data_dir")
        }
        if self.source_path is not None:
            options["source"] = str(self.source_path.absolute())
        if self.face_detector != faces.DLIB:
            options["face_detector"] = f"{faces.YUNET}{faces.model(self.face_detector)}"
        return options

    def command(self) -> str:
        """Returns the command that builds the same dataset."""
        words = ["python", "-m", "data_pipeline.build"]
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name not in _OF_A_RUN and value != field.default:
                words.append(f"--{field.name}" if value is True else f"--{field.name}={value}")
        return shlex.join(words)


def _followed(path: os.PathLike[str] | str) -> pathlib.Path:
    """Returns where the links of a path lead; `resolve` fails where that is round in circles."""
    return pathlib.Path(os.path.realpath(path))
