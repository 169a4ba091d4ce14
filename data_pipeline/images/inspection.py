"""A look at a file, from its bytes to what is stored of it, in the process that opens images.

The file is read and what is stored is kept there, because to send the bytes through pipes would
cost the process that asks as much as all else that it does.
"""

import dataclasses
import hashlib

from data_pipeline import spool
from data_pipeline.images import appearance
from data_pipeline.images.colours import Colours
from data_pipeline.images.encoding import Encoding
from data_pipeline.images.image_policy import Header, Rejection
from data_pipeline.isolation import child
from data_pipeline.sources.locations import Location


@dataclasses.dataclass(frozen=True)
class Look:
    """What a look at a file has found.

    Attributes:
      sha256, num_bytes: of the file.
      header, encoding, colours, signature: see `appearance.Appearance`.
      place: where what is stored of it is kept; None where it is not.
    """

    sha256: str
    num_bytes: int
    header: Header
    encoding: Encoding
    colours: Colours
    signature: str
    place: spool.Place | None


def read(location: Location) -> tuple[Location, bytes | OSError]:
    """Returns a location, and the bytes of the file there, or why it cannot be read."""
    try:
        return location, location.read()
    except OSError as error:
        return location, error


def look(
    file: tuple[Location, bytes | OSError], image_size: int, batch: str | None
) -> Look | Rejection | OSError:
    """Looks at a file, and keeps what is stored of it.

    Args:
      file: what `read` returns.
      image_size: see `image_policy.store`.
      batch: where that is kept, see `spool.begin`; None where it is not wanted.

    Returns:
      What was found; why the picture cannot be used; or why the file cannot be read.
    """
    location, data = file
    if isinstance(data, OSError):
        return data
    found = appearance.look(data, image_size)
    if isinstance(found, Rejection):
        return found
    with child.at_leisure():  # a disk may take its time
        place = spool.keep(batch, found.stored, location.is_quick) if batch else None
    return Look(
        sha256=hashlib.sha256(data).hexdigest(),
        num_bytes=len(data),
        header=found.header,
        encoding=found.encoding,
        colours=found.colours,
        signature=found.signature,
        place=place,
    )
