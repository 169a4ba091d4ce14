"""The decoder, with a patience of one second, on bytes that make it crash, hang or take memory."""

import dataclasses
import os
import pathlib
import re
import time

from data_pipeline.images import decoder
from data_pipeline.isolation import child

# Pictures carry these words as a comment.
ABORT, ABORT_ONCE = b"please abort", b"please abort once: "
HANG, HANG_IN_C = b"please hang", b"please hang in C"
EAT_MEMORY, RAISE = b"please eat memory", b"please raise"


def _fragile(function):
    def call(first, *arguments):
        data = first[1] if isinstance(first, tuple) else first  # of `inspection.read`
        found = re.search(rb"please [a-z ]+(C|: ([^\n]+)\n)?", data)
        if found:
            _obey(found)
        return function(first, *arguments)

    return call


def _obey(found):
    words = found[0]
    if words.startswith(ABORT_ONCE):
        path = pathlib.Path(os.fsdecode(found[2]))
        if not path.exists():
            path.touch()
            os.abort()
    elif words == ABORT:
        os.abort()
    elif words == HANG_IN_C:
        re.match(r"(a+)+$", "a" * 60 + "b")  # keeps the interpreter's lock for years
    elif words == HANG:
        time.sleep(3600)
    elif words == EAT_MEMORY:
        bytearray(PROGRAM.max_memory)
    elif words == RAISE:
        raise ValueError("two\nlines")


PROGRAM = dataclasses.replace(
    decoder.PROGRAM,
    module=__spec__.name,
    functions={name: _fragile(call) for name, call in decoder.PROGRAM.functions.items()},
    patience=1,
)

if __name__ == "__main__":
    child.main(PROGRAM)
