"""What a build is told: one frozen dataclass, its defaults and its contradictions."""

import dataclasses
import math
import pathlib
import shlex
from collections.abc import Mapping

from data_pipeline.sources import kaggle
from data_pipeline.sources.layouts import options as layout_options
from data_pipeline.sources.layouts.by_name import LAYOUTS, Layout
from data_pipeline.video import faces
from tfrecords import exits, names

SOURCE_SPLITS = "source"
DISJOINT_SPLITS = "source-disjoint"
DEFAULT_FRACTIONS = (0.8, 0.1, 0.1)


@dataclasses.dataclass(frozen=True)
class BuildConfig:
    """The configuration of a build; the flags of `data_pipeline.build` are its fields.

    Raises:
      UsageError: a value is out of range, or two contradict each other.
    """

    dataset: str = "sample"
    layout: str | None = None
    source: str | None = None
    path_column: str | None = None
    label_column: str | None = None
    group_column: str | None = None
    label_values: str | None = None
    data_dir: str = "data"
    version: str = "1.0.0"
    image_size: int | None = None
    splits: str | None = None
    near_duplicate_bits: int = 4
    equalize: bool = False
    seed: int = 0
    limit: int | None = None
    records_per_shard: int = 1024
    max_reject_fraction: float = 0.05
    frames_per_video: int = 10
    face_detector: str = "dlib"
    face_margin: float = 1.3
    face_size: int = 256
    max_faces: int = 1
    num_workers: int = 0
    overwrite: bool = False
    dry_run: bool = False
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
        self._check_ranges()
        self._check_videos()
        self._check_layout()
        self._check_source()
        self._check_places()
        self.fractions()
        self.source_options()

    def _check_ranges(self) -> None:
        ranges: dict[str, tuple[float, float]] = {
            "image_size": (8, 8192),
            "limit": (1, math.inf),
            "seed": (0, 2_000_000_000),
            "records_per_shard": (1, 1 << 20),
            "max_reject_fraction": (0, 1),
            "near_duplicate_bits": (-1, 8),
            "frames_per_video": (1, 1000),
            "face_margin": (1, 4),
            "face_size": (32, 1024),
            "max_faces": (1, 64),
            "num_workers": (0, 1024),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise exits.UsageError(
                    f"--{name} must lie between {low:g} and {high:g}. Received: {value}."
                )

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
        source, output = pathlib.Path(self.source).expanduser().resolve(), self.parent.resolve()
        if not self.source or output.is_relative_to(source) or source.is_relative_to(output):
            raise exits.UsageError(
                "--source must not be empty, nor hold or lie in the directory that is built. "
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
        return pathlib.Path(self.source).expanduser()

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
                "--splits must be the shares of train, validation and test, such as 0.8,0.1,0.1, "
                f"or {SOURCE_SPLITS}, or {DISJOINT_SPLITS}. Received: {self.splits!r}."
            )
        return shares

    def command(self) -> str:
        """Returns the command that builds the same dataset."""
        words = ["python", "-m", "data_pipeline.build"]
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name not in ("overwrite", "dry_run", "beam_options", "num_workers") and (
                value != field.default
            ):
                words.append(f"--{field.name}" if value is True else f"--{field.name}={value}")
        return shlex.join(words)
