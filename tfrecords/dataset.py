"""A dataset on disk: where it lies, and whether it is whole."""

import contextlib
import dataclasses
import pathlib
import shlex
from collections.abc import Iterator

from tfrecords import directories, exits, names
from tfrecords import manifest as manifests

_BUILD = "python -m data_pipeline.build"


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A directory whose shards are those of its manifest; made by `load` and `find`.

    Attributes:
      directory: where it lies.
      manifest: what it holds.
      held_out: the share of training groups that `reader.hold_out` made a validation split of.
    """

    directory: pathlib.Path
    manifest: manifests.Manifest
    held_out: float = 0.0

    def split(self, name: str) -> manifests.Split:
        """Returns a split that has examples.

        Raises:
          DataError: there is none of that name, or it is empty.
        """
        split = self.manifest.splits.get(name)
        if split is None or not split.num_examples:
            there = (f"{key} {value.num_examples}" for key, value in self.manifest.splits.items())
            other = ", or use --validation_fraction=0.15" if name == "validation" else ""
            raise exits.DataError(
                f"{self.directory} has no examples in split {name!r}. Received: "
                f"{', '.join(there)}. Build it again with --overwrite and "
                f"--splits=0.8,0.1,0.1{other}."
            )
        return split

    def target(self, name: str) -> manifests.Target:
        """Returns what is to be learnt.

        Raises:
          UsageError: the records hold no such target.
        """
        if name not in self.manifest.targets:
            raise exits.UsageError(
                f"The records of {self.directory} hold no target {name!r}. "
                f"Use --target={' or --target='.join(self.manifest.targets)}."
            )
        return self.manifest.targets[name]

    def shard_paths(self, split: str) -> list[pathlib.Path]:
        """Returns the paths of a split's shards, in order."""
        return [self.directory / shard.name for shard in self.split(split).shards]


@contextlib.contextmanager
def reading(data_dir: pathlib.Path, name: str, version: str | None = None) -> Iterator[Dataset]:
    """Finds a dataset, as `find` does, and keeps builds from replacing it while it is read.

    Raises:
      DataError: see `find`; or a build replaces it at this moment.
    """
    directory = _locate(data_dir, name, version)
    with directories.read(directory):
        yield load(directory)


def find(data_dir: pathlib.Path, name: str, version: str | None = None) -> Dataset:
    """Loads `<data_dir>/<name>/<version>`, by default the highest version.

    Raises:
      UsageError: `data_dir` is a file.
      DataError: there is none, its build is unfinished, or it is damaged.
    """
    return load(_locate(data_dir, name, version))


def _locate(data_dir: pathlib.Path, name: str, version: str | None) -> pathlib.Path:
    parent = data_dir / name
    directories.refuse_file(parent, "--data_dir")
    versions = sorted(
        (path.name for path in parent.glob("*") if names.is_version(path.name)),
        key=names.version_key,
    )
    if version is None and versions:
        version = versions[-1]
    if version in versions:
        return parent / str(version)
    unfinished = sorted(parent.glob(f"{version or '*'}.incomplete-*"))
    if unfinished:
        raise exits.DataError(
            f"The build of {name} is unfinished: {unfinished[-1]}. Run its command again, and it "
            f"goes on where it stopped: {_command_of(unfinished[-1], name)}"
        )
    if versions:
        raise exits.DataError(
            f"There is no version {version} of dataset {name!r} in {data_dir} "
            f"(there: {', '.join(versions)}). Leave --version out for the highest, or build it "
            f"with: {_BUILD} --dataset={name} --version={version} --data_dir={data_dir}"
        )
    there = ", ".join(sorted({path.parts[-3] for path in data_dir.glob(f"*/*/{names.MANIFEST}")}))
    raise exits.DataError(
        f"There is no dataset {name!r}{f' of version {version}' if version else ''} in {data_dir}"
        f"{f' (there: {there})' if there else ''}. "
        f"Build it with: {_BUILD} --dataset={name} --data_dir={data_dir}"
    )


def load(directory: pathlib.Path) -> Dataset:
    """Loads the dataset in `directory`, and checks every shard's presence and size.

    Raises:
      DataError: naming the first file that is missing, surplus, empty or of another size, and the
        command that mends it.
    """
    content = manifests.read(directory)
    shards = {s.name: s for split in content.splits.values() for s in split.shards}
    for shard in shards.values():
        mismatch = problem(directory / shard.name, shard)
        if mismatch:
            raise exits.DataError(f"{directory / shard.name} {mismatch}. {mend(directory)}")
    for path in sorted(directory.iterdir()):
        if names.is_shard(path.name) and path.name not in shards:
            raise exits.DataError(
                f"{path} is surplus: the manifest does not name it, and a repair removes it. "
                f"{mend(directory)}"
            )
    return Dataset(directory, content)


def problem(path: pathlib.Path, shard: manifests.Shard) -> str | None:
    """Returns what is wrong with the presence or the size of a shard, or None."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return "is missing"
    if size == 0:
        return f"is empty; the manifest says {shard.records} records"
    if size != shard.bytes:
        change = "shortened" if size < shard.bytes else "enlarged"
        return f"was {change}: it has {size:,} bytes, the manifest says {shard.bytes:,}"
    return None


def mend(directory: pathlib.Path) -> str:
    """Returns what to do about a damaged dataset."""
    return f"Repair it: python -m data_pipeline.repair {shlex.quote(str(directory))}"


def _command_of(unfinished: pathlib.Path, name: str) -> str:
    note = unfinished / "command.txt"
    if note.exists():
        return note.read_text(encoding="utf-8").strip()
    return f"{_BUILD} --dataset={name}"
