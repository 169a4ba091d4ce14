"""What the write found out about images, kept so that the same files give the same plan again.

The scan does not find all damage. Where damage leaves a shard without any record, the
shards are planned anew without the damaged files. The next build must come to that plan at once.
"""

import json
import os
import pathlib
from collections.abc import Callable, Iterable

from data_pipeline import faults
from data_pipeline.planning.plan import Plan
from data_pipeline.references import Reject
from data_pipeline.survey import Survey


class Verdicts:
    """By the sha256 of a file why it cannot be stored at an image size, on disk."""

    def __init__(self, directory: pathlib.Path, image_size: int):
        self._path = directory / f"verdicts-{image_size}.json"
        self._reasons: dict[str, list[str]] = {}  # reason and detail
        try:
            self._reasons = dict(json.loads(self._path.read_text(encoding="utf-8")))
        except (OSError, TypeError, ValueError):
            return

    def add(self, planned: Plan, rejects: Iterable[Reject]) -> bool:
        """Keeps the rejects whose reasons are final; returns whether any is new."""
        hashes = {
            ref.image_id: facts.sha256 for shard in planned.shards for ref, facts in shard.items
        }
        new = {
            hashes[reject.image_id]: [reject.reason, reject.detail]
            for reject in rejects
            if not reject.may_pass and hashes[reject.image_id] not in self._reasons
        }
        if new:
            self._reasons |= new
            temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}")
            faults.before("write")
            temporary.write_text(json.dumps(self._reasons), encoding="utf-8")
            faults.before("rename")
            temporary.replace(self._path)
        return bool(new)

    def settle(self, survey: Survey, make_plan: Callable[[Survey], Plan]) -> tuple[Survey, Plan]:
        """Returns a plan each of whose shards has a file that is not known to be damaged.

        The survey is returned as it is, unless files had to be moved to its rejects for that.
        """
        while True:
            planned = make_plan(survey)
            if all(
                any(facts.sha256 not in self._reasons for _, facts in shard.items)
                for shard in planned.shards
            ):
                return survey, planned
            survey = survey.without(
                [
                    Reject(reference.image_id, *self._reasons[facts.sha256])
                    for shard in planned.shards
                    for reference, facts in shard.items
                    if facts.sha256 in self._reasons
                ]
            )
