"""Tables that lie beside the images of a source, as csv files."""

import codecs
import csv
import dataclasses
import io
import os
import posixpath
from collections.abc import Iterator

from data_pipeline.references import plain
from data_pipeline.sources.entries import Entry
from tfrecords import exits

_DELIMITERS = ",;\t"


@dataclasses.dataclass(frozen=True)
class Table:
    """A csv file: its path below the source, its columns, and its text with the header."""

    path: str
    columns: tuple[str, ...]
    delimiter: str
    text: str = dataclasses.field(repr=False)

    @property
    def stem(self) -> str:
        """The name of the file without its ending."""
        return posixpath.splitext(posixpath.basename(self.path))[0]

    def rows(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Yields the line that a row ends on, from 1, and its values; what a row lacks is empty.

        Raises:
          DataError: the file is no table.
        """
        reader = csv.reader(io.StringIO(self.text, newline=""), delimiter=self.delimiter)
        try:
            next(reader, None)
            for values in reader:
                if values:
                    filled = [*values, *[""] * (len(self.columns) - len(values))]
                    yield reader.line_num, dict(zip(self.columns, filled, strict=False))
        except csv.Error as error:
            raise exits.DataError(
                f"{plain(self.path)}, line {reader.line_num}, is no row of a csv file: {error}."
            ) from error


def is_table(entry: Entry) -> bool:
    """Tells whether a file can be read and is called `*.csv`."""
    return entry.location is not None and entry.path.lower().endswith(".csv")


def read(entry: Entry, source: os.PathLike[str]) -> Table:
    """Reads a csv file; its columns may be divided by commas, semicolons or tabs.

    Names of files may be of any bytes, so that what is no UTF-8 stands for itself; some programs on
    Windows write UTF-16. What has no line of columns has none.

    Raises:
      DataError: it cannot be read.
    """
    if entry.location is None:
        raise exits.DataError(f"--source={source}: {plain(entry.path)}: {entry.detail}.")
    try:
        data = entry.location.read()
    except OSError as error:
        raise exits.DataError(
            f"--source={source}: {plain(entry.path)} cannot be read: {error.strerror or error}."
        ) from error
    is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = (
        data.decode("utf-16", errors="replace")
        if is_utf16
        else data.decode("utf-8-sig", errors="surrogateescape")
    )
    header = next(io.StringIO(text, newline=None), "")
    delimiter = max(_DELIMITERS, key=header.count)
    try:
        columns = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    except csv.Error:
        columns = []
    return Table(entry.path, tuple(name.strip() for name in columns), delimiter, text)
