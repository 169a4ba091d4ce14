"""A worker process of the local runner: Beam's own, without its diary on standard error."""

import json
import logging
import os
import sys

if __name__ == "__main__":
    # Beam sets up its log before it reads the level that is asked of it.
    logging.getLogger().addHandler(logging.NullHandler())
    os.environ["PIPELINE_OPTIONS"] = json.dumps({"default_sdk_harness_log_level": "ERROR"})

    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main(sys.argv)
