"""What a build is told: one frozen dataclass, its defaults and its contradictions."""

import dataclasses
import math
import pathlib
import shlex

from data_pipeline import faces, layouts
from tfrecords import exits, names

SOURCE_SPLITS = "source"
DISJOINT_SPLITS = "source-disjoint"
DEFAULT_FRACTIONS = (0.8, 0.1, 0.1)
_OF_VIDEOS = ("frames_per_video", "face_detector", "face_margin", "face_size", "max_faces")


@dataclasses.dataclass(frozen=True)
class BuildConfig:
    """The configuration of a build; the flags of `data_pipeline.build` are its fields.

    Raises:
      UsageError: a value is out of range, or two contradict each other.
    """

    dataset: str = "sample"
    layout: str | None = None
    source: str | None = None
    data_dir: str = "data"
    version: str = "1.0.0"
    image_size: int | None = None
    splits: str | None = None
    near_duplicate_bits: int = 4
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
        if self.layout_name not in layouts.LAYOUTS:
            raise exits.UsageError(
                f"--layout must be one of {', '.join(layouts.LAYOUTS)}. "
                f"Received: {self.layout_name!r}."
                + (
                    ""
                    if self.layout
                    else f" It says how the source of --dataset={self.dataset} "
                    "lies on disk; a folder for each class is --layout=image_folder."
                )
            )
        self._check_ranges()
        self._check_places()
        self._check_videos()
        self.fractions()

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

    def _check_places(self) -> None:
        if self.source is None:
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
        if self.layout_name in layouts.OF_VIDEOS:
            if self.image_size is not None:
                raise exits.UsageError(
                    f"--layout={self.layout_name} stores faces: use --face_size instead of "
                    f"--image_size={self.image_size}."
                )
            return
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        for name in _OF_VIDEOS:
            value = getattr(self, name)
            if value != defaults[name]:
                raise exits.UsageError(
                    f"--{name} is for videos, of --layout={' or '.join(layouts.OF_VIDEOS)}. "
                    f"Received: --{name}={value} with --layout={self.layout_name}."
                )

    @property
    def layout_name(self) -> str:
        """The layout, by default that of the dataset's name."""
        return self.layout or self.dataset

    @property
    def source_path(self) -> pathlib.Path | None:
        """The source, if the layout needs one."""
        return None if self.source is None else pathlib.Path(self.source).expanduser()

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
                words.append(f"--{field.name}={value}")
        return shlex.join(words)
