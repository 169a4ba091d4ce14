"""Builds a dataset of TFRecords, or goes on with a build: python -m data_pipeline.build.

Options of Apache Beam come after a bare --.
"""

# The flags and one call; the program is `pipeline.build_dataset`.

import dataclasses
import logging
import sys

from tfrecords import exits, usage

if __name__ == "__main__":
    exits.leave_when_interrupted()
    logging.disable()  # of Beam: its errors arrive as exceptions, and what it lacks is not needed

from absl import flags

from data_pipeline import pipeline
from data_pipeline.config import BuildConfig
from data_pipeline.running import local_runner, strict_options
from data_pipeline.sources.layouts.by_name import LAYOUTS

FLAGS = flags.FlagValues()
Default = BuildConfig

flags.DEFINE_string(
    "dataset", Default.dataset, "The name of the dataset that is built.", flag_values=FLAGS
)
flags.DEFINE_string(
    "layout",
    Default.layout,
    f"How the source lies on disk: {', '.join(LAYOUTS)}; default: as the dataset's name.",
    flag_values=FLAGS,
)
flags.DEFINE_string(
    "source",
    Default.source,
    "A directory or a zip archive, which is never changed; or kaggle, to fetch what the layout is "
    "of, with the extra [kaggle].",
    flag_values=FLAGS,
)
flags.DEFINE_string(
    "path_column",
    Default.path_column,
    "Of image_csv: the column of the images' paths, relative to the csv file or to the source. "
    "Default: path.",
    flag_values=FLAGS,
)
flags.DEFINE_string(
    "label_column",
    Default.label_column,
    "Of image_csv: the column of labels. Default: label.",
    flag_values=FLAGS,
)
flags.DEFINE_string(
    "group_column",
    Default.group_column,
    "Of image_csv and tfds: what must not straddle splits, such as a person or a video.",
    flag_values=FLAGS,
)
flags.DEFINE_string(
    "label_values",
    Default.label_values,
    "Of image_csv: which classes labels stand for, such as 0=real,1=fake.",
    flag_values=FLAGS,
)
flags.DEFINE_string(
    "data_dir", Default.data_dir, "The directory that datasets are built in.", flag_values=FLAGS
)
flags.DEFINE_string("version", Default.version, "The dataset's version.", flag_values=FLAGS)
flags.DEFINE_integer(
    "image_size",
    Default.image_size,
    "The longest short side in pixels; larger images are scaled down. Default: 256.",
    flag_values=FLAGS,
)
flags.DEFINE_string(
    "splits",
    Default.splits,
    "Shares of train, validation and test, such as 0.8,0.1,0.1; or source for the source's own; or "
    "source-disjoint for these without what leaks from test or validation into those that stand "
    "before them. Default: source where it has splits, else 0.8,0.1,0.1.",
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "near_duplicate_bits",
    Default.near_duplicate_bits,
    "In how many bits of 64 the hashes of pictures that look alike may differ; they are kept in "
    "one split. 0 takes equal hashes alone, -1 ties nothing.",
    flag_values=FLAGS,
)
flags.DEFINE_bool(
    "equalize",
    Default.equalize,
    "Encode all images alike, as coarsely as the coarse ones among them, so that the file format "
    "cannot give the label away.",
    flag_values=FLAGS,
)
flags.DEFINE_integer("seed", Default.seed, "Decides splits and order.", flag_values=FLAGS)
flags.DEFINE_integer(
    "limit",
    Default.limit,
    "Build from a sample of so many images or videos, chosen by the seed.",
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "records_per_shard", Default.records_per_shard, "Records per shard at most.", flag_values=FLAGS
)
flags.DEFINE_float(
    "max_reject_fraction",
    Default.max_reject_fraction,
    "Share of files that may be rejected; with more, nothing is published.",
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "frames_per_video",
    Default.frames_per_video,
    "Frames of a video, spread evenly over its time.",
    flag_values=FLAGS,
)
flags.DEFINE_string(
    "face_detector",
    Default.face_detector,
    "What finds the faces of videos: dlib, or yunet:PATH with the path of YuNet's ONNX model.",
    flag_values=FLAGS,
)
flags.DEFINE_float(
    "face_margin",
    Default.face_margin,
    "Side of the square around a face over that of the face.",
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "face_size",
    Default.face_size,
    "The largest side of a square around a face in pixels; larger ones are scaled down.",
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "max_faces", Default.max_faces, "Faces of a frame, the largest first.", flag_values=FLAGS
)
flags.DEFINE_integer(
    "num_workers",
    Default.num_workers,
    "Worker processes; 0 chooses by the work and the machine.",
    flag_values=FLAGS,
)
flags.DEFINE_bool(
    "overwrite", Default.overwrite, "Replace a dataset that was built otherwise.", flag_values=FLAGS
)
flags.DEFINE_bool(
    "dry_run",
    Default.dry_run,
    "Say what would be built, or why not; write nothing.",
    flag_values=FLAGS,
)


def main(argv: list[str]) -> None:
    """Builds with the flags given; what is left in `argv` goes to Beam."""
    names = [field.name for field in dataclasses.fields(BuildConfig)]
    names.remove("beam_options")
    values = {name: FLAGS[name].value for name in names}
    config = BuildConfig(**values, beam_options=tuple(argv[1:]))
    try:
        pipeline.build_dataset(config)
    except local_runner.WorkerDied as died:
        exits.leave_at_once(died)  # Beam's threads wait for its results for ever


def parse_flags(argv: list[str]) -> list[str]:
    """Parses this project's flags; returns the program's name and Beam's options.

    Raises:
      UsageError: a word before `--` is no flag, or one after it is no option of Beam.
    """
    end = argv.index("--") if "--" in argv else len(argv)
    usage.parse(FLAGS, argv[:end], __doc__, "Beam's options come after a --.")
    strict_options.parse(argv[end + 1 :])
    return [argv[0], *argv[end + 1 :]]


if __name__ == "__main__":
    exits.run(lambda: main(parse_flags(sys.argv)), (flags.Error,))
