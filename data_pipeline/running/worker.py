"""A worker process of the local runner: Beam's own, which speaks only through its results.

It ends with the process that started it, however that one ended, and is started deaf to Ctrl-C
and SIGTERM: those are for that process. Its arguments: the number of that process, and how many
children open images for it.
"""

import logging
import os
import sys
import threading
import time

from tfrecords import imports

PARENT_POLL_SECONDS = 0.25


def end_with(parent: int) -> None:
    """Ends this process soon after the process `parent` has ended."""
    while os.getppid() == parent:
        time.sleep(PARENT_POLL_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=end_with, args=(int(sys.argv[1]),), daemon=True).start()
    logging.disable()  # errors come back as exceptions
    # Without it Beam starts no log client, which prints when the other side is gone.
    os.environ.pop("LOGGING_API_SERVICE_DESCRIPTOR", None)

    with imports.uncollected():
        from apache_beam.runners.worker import sdk_worker_main

        from data_pipeline.images import decoder
        from data_pipeline.isolation import calls

    calls.share(decoder.PROGRAM, int(sys.argv[2]))
    # Beam prints each error that it sends back, and a traceback per thread when nobody listens.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    sdk_worker_main.main(sys.argv[:1])
