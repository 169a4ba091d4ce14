"""The searcher, with a patience of two seconds, on videos whose names make it crash or hang."""

import dataclasses
import os
import pathlib
import time

from data_pipeline.isolation import child
from data_pipeline.video import searcher

ABORTS, EATS, HANGS, HANGS_MIDWAY = "aborts.mp4", "eats.mp4", "hangs.mp4", "hangs_midway.mp4"


def find(location, options, original):
    """Searches a video, and does what its name says."""
    name = pathlib.Path(location.path).name
    if name == ABORTS:
        os.abort()
    if name == EATS:
        bytearray(PROGRAM.max_memory)
    if name == HANGS:
        time.sleep(3600)
    if name == HANGS_MIDWAY:  # once the search has begun and may take its time
        searcher.face_search.find = lambda source, options, original, tick: (
            tick() or time.sleep(3600)
        )
    return searcher.find(location, options, original)


PROGRAM = dataclasses.replace(
    searcher.PROGRAM, module=__spec__.name, functions={"find": find}, patience=2
)

if __name__ == "__main__":
    searcher.PATIENCE = PROGRAM.patience
    child.main(PROGRAM)
