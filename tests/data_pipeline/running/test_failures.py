import pytest

from data_pipeline.running import failures
from tfrecords import exits

FLINK = """Pipeline Beam_1 failed in state FAILED: java.lang.RuntimeException: Error received
Traceback (most recent call last):
  File "data_pipeline/attempt.py", line 41, in check
tfrecords.exits.MachineError: A worker on vm does not see /data.

During handling of the above exception, another exception occurred:
RuntimeError: tfrecords.exits.MachineError: A worker ... [while running 'ScanFiles/Scan']
"""


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            exits.DataError("x holds 3 records. [while running 'WriteShards/Write']"),
            exits.DataError,
            "x holds 3 records.",
        ),
        (RuntimeError(FLINK), exits.MachineError, "A worker on vm does not see /data."),
        (
            RuntimeError("Pipeline Beam_1 failed in state FAILED: TaskManager 1 is lost\nat a.b"),
            exits.MachineError,
            "The runner gave the job up: TaskManager 1 is lost. What is done is kept: run the same "
            "command again to go on.",
        ),
        (
            RuntimeError(
                "Unable to fetch remote job server jar at https://x/y.jar: HTTP Error 404"
            ),
            exits.MachineError,
            "Beam cannot fetch what the runner needs, https://x/y.jar. Is there a network? A jar "
            "that is here already is named with --flink_job_server_jar or --spark_job_server_jar "
            "after the --.",
        ),
        (
            ValueError('Unable to parse jar URL "/no.jar". If using a full URL, make sure that'),
            exits.UsageError,
            "--flink_job_server_jar and --spark_job_server_jar, after the --, must name a file. "
            "Received: /no.jar.",
        ),
        (
            RuntimeError(
                "PermissionError: [Errno 13] Permission denied: '/data/x' [while running 'Write']"
            ),
            exits.MachineError,
            "/data/x cannot be used by a worker: Permission denied. What is done is kept: run the "
            "same command again when it can be.",
        ),
        (
            RuntimeError("OSError: [Errno 27] File too large [while running 'WriteShards/Write']"),
            exits.MachineError,
            "A file cannot be used by a worker: File too large. What is done is kept: run the same "
            "command again when it can be.",
        ),
        (
            FileNotFoundError(2, "No such file or directory", "java"),
            exits.MachineError,
            "The runner needs Java 11 or 17, and there is no java on the PATH. "
            "Install it (Debian: apt install openjdk-17-jre-headless).",
        ),
    ],
)
def test_what_the_user_reads_is_the_error_alone(error, kind, message):
    told = failures.explained(error, "data")
    assert type(told) is kind
    assert str(told) == message


@pytest.mark.parametrize(
    "error",
    [
        KeyError("label"),
        FileNotFoundError(2, "No such file or directory", "shard"),
        RuntimeError("Pipeline x failed in state FAILED: Error\nTraceback\nKeyError: 'label'"),
    ],
)
def test_a_defect_stays_one(error):
    assert failures.explained(error, "data") is error


def test_an_error_that_needs_no_unwrapping_is_kept():
    error = exits.MachineError("A worker process died.")
    assert failures.explained(error, "data") is error


def test_a_full_disk_is_named(tmp_path):
    error = RuntimeError("Error received\nOSError: [Errno 28] No space left on device")
    told = failures.explained(error, str(tmp_path))
    assert isinstance(told, exits.MachineError)
    assert str(told).startswith(f"The disk of {tmp_path} is full (")


def test_a_stage_raises_what_the_user_reads():
    with (
        pytest.raises(exits.MachineError, match="A worker on vm does not see /data"),
        failures.told("data"),
    ):
        raise RuntimeError(FLINK)
    with pytest.raises(KeyError), failures.told("data"):
        raise KeyError("label")
