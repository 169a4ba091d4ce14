"""A source that has been listed and scanned."""

import dataclasses
from collections.abc import Sequence

from data_pipeline.planning.plan import Scanned
from data_pipeline.references import Listing, Reject
from data_pipeline.sketches import Sketches


@dataclasses.dataclass(frozen=True)
class Survey:
    """A source that has been listed and scanned; `sketches` are those that the facts name."""

    listing: Listing
    scanned: tuple[Scanned, ...]
    rejects: tuple[Reject, ...]
    sketches: Sketches

    @property
    def num_listed(self) -> int:
        """All files of the source."""
        return self.listing.num_listed

    def without(self, rejects: Sequence[Reject]) -> "Survey":
        """Returns the survey with files moved to the rejects."""
        gone = {reject.image_id for reject in rejects}
        scanned = tuple(item for item in self.scanned if item[0].image_id not in gone)
        return dataclasses.replace(self, scanned=scanned, rejects=(*self.rejects, *rejects))
