"""The child that judges audits and makes reports; see `isolation`.

scikit-learn and Matplotlib take more than a hundred megabytes and two seconds. So a build leaves
them to a process of its own, which begins while shards are still written.
"""

import importlib
import pathlib
from collections.abc import Callable
from typing import Any

from data_pipeline.isolation import calls, child
from data_pipeline.reporting import audit, report
from tfrecords import exits, manifest


def _failed(reason: child.Reason, detail: str) -> exits.MachineError:
    return exits.MachineError(
        f"The report could not be made: {detail}. What is written is kept: run the same command "
        "again."
    )


PROGRAM = child.Program(
    module="data_pipeline.reporting.reporter",
    role="reporter",
    functions={"judge": audit.judge, "files": report.files},
    patience=0,  # for ever: what it works on is this project's own
    max_memory=4 << 30,  # 4 GiB; it takes a twentieth of it
    reject=_failed,
)


def begin_judging(evidence: audit.Evidence) -> Callable[[], audit.Result]:
    """Lets the child judge; returns what waits for it, and raises MachineError if it died."""
    return _begun("judge", evidence)


def files(directory: pathlib.Path, content: manifest.Manifest) -> dict[str, bytes]:
    """Returns what `report.files` does.

    Raises:
      MachineError: the child died of it.
    """
    found: dict[str, bytes] = _begun("files", directory, content)()
    return found


def _begun(function: str, *arguments: object) -> Callable[[], Any]:
    future = calls.submit(PROGRAM, function, *arguments)

    def wait() -> Any:
        found = future.result()
        if isinstance(found, exits.MachineError):
            raise found
        return found

    return wait


if __name__ == "__main__":
    importlib.import_module("data_pipeline.reporting.charts")  # before it is asked for them
    child.main(PROGRAM)
