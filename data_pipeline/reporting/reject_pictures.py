"""Pictures of files that were rejected though they can be opened: for what the plan says of them.

Of the others there is none to show, or it took the process that opened it.
"""

import collections
import pathlib
from collections.abc import Sequence

from data_pipeline.references import Reject
from data_pipeline.reporting import originals, sheets
from data_pipeline.survey import Survey

SHOWN = 5  # of each reason


def write(folder: pathlib.Path, survey: Survey, rejects: Sequence[Reject]) -> dict[str, list[str]]:
    """Writes a sheet of the first rejects of each reason.

    Args:
      folder: of the sheets.
      survey: knows where the files lie.
      rejects: by the plan, in any order.

    Returns:
      What `statistics.json` holds: by reason the image_ids of the pictures in its sheet.
    """
    by_reason: dict[str, list[str]] = collections.defaultdict(list)
    for reject in sorted(rejects, key=lambda reject: reject.image_id):
        if len(by_reason[reject.reason]) < SHOWN:
            by_reason[reject.reason].append(reject.image_id)
    wanted = {image_id for image_ids in by_reason.values() for image_id in image_ids}
    references = {
        reference.image_id: reference
        for reference, _ in survey.scanned
        if reference.image_id in wanted
    }
    shown = {}
    for reason, image_ids in by_reason.items():
        found = {image_id: originals.jpeg(references[image_id]) for image_id in image_ids}
        jpegs = {image_id: jpeg for image_id, jpeg in found.items() if jpeg}
        if jpegs:
            (folder / sheet(reason)).write_bytes(sheets.sheet([list(jpegs.values())]))
            shown[reason] = list(jpegs)
    return shown


def sheet(reason: str) -> str:
    """Returns the name of the file that shows rejects."""
    return f"rejects-{reason}.png"
