"""What a failed stage means for the user; runners pass errors on as text, each in its own way."""

import contextlib
import errno
import re
import shutil
from collections.abc import Iterator

from tfrecords import exits

_TOLD = re.compile(r"^tfrecords\.exits\.(\w+): (.+)$", re.MULTILINE)
_STEP = re.compile(r" \[while running '.*", re.DOTALL)
_UNFETCHED = re.compile(r"^Unable to fetch remote .+? at (https?://\S+):")
_NO_JAR = re.compile(r'^Unable to parse jar URL "(.+?)"')
_LOST = re.compile(r"failed in state \w+: (.*)")
_FULL = ("[Errno 28]", "[Errno 122]")  # no space left, quota exceeded
_BROKEN = "[Errno 5]"  # input or output failed
_CLOSED = (errno.EPERM, errno.EACCES, errno.EROFS, errno.EFBIG, errno.ESTALE)
_REFUSED = re.compile(
    rf"\[Errno (?:{'|'.join(map(str, _CLOSED))})\] "
    r"(?P<reason>[^:\n\[]*[^:\s\[])(?:: '(?P<path>.*?)')?"
)
_ERRORS = {
    error.__name__: error for error in (exits.UsageError, exits.DataError, exits.MachineError)
}


@contextlib.contextmanager
def told(data_dir: str) -> Iterator[None]:
    """Raises, in place of what the body raises, the error that the user reads."""
    try:
        yield
    except Exception as error:
        meaning = explained(error, data_dir)
        if meaning is error:
            raise
        raise meaning from error


def explained(error: Exception, data_dir: str) -> Exception:
    """Returns the error that the user reads: `error` itself where it is a defect."""
    text = str(error)
    if isinstance(error, tuple(_ERRORS.values())):
        return type(error)(_STEP.sub("", text)) if _STEP.search(text) else error
    own = _TOLD.search(text)
    if own and own[1] in _ERRORS:
        return _ERRORS[own[1]](_STEP.sub("", own[2]))
    if isinstance(error, FileNotFoundError) and error.filename == "java":
        return exits.MachineError(
            "The runner needs Java 11 or 17, and there is no java on the PATH. "
            "Install it (Debian: apt install openjdk-17-jre-headless)."
        )
    if fetched := _UNFETCHED.search(text):
        return exits.MachineError(
            f"Beam cannot fetch what the runner needs, {fetched[1]}. Is there a network? A jar "
            "that is here already is named with --flink_job_server_jar or --spark_job_server_jar "
            "after the --."
        )
    if jar := _NO_JAR.search(text):
        return exits.UsageError(
            f"--flink_job_server_jar and --spark_job_server_jar, after the --, must name a file. "
            f"Received: {jar[1]}."
        )
    if _BROKEN in text:
        return exits.MachineError(
            f"The disk of {data_dir}, or another one, failed. What is done is kept: see to the "
            "disk and run the same command again."
        )
    if any(code in text for code in _FULL):
        free = shutil.disk_usage(data_dir).free
        return exits.MachineError(
            f"The disk of {data_dir} is full ({free / 1e6:,.0f} MB free). What is done is kept: "
            "make room and run the same command again."
        )
    if refused := _REFUSED.search(text):
        return exits.MachineError(
            f"{refused['path'] or 'A file'} cannot be used by a worker: {refused['reason']}. What "
            "is done is kept: run the same command again when it can be."
        )
    lost = _LOST.search(text)
    if lost and "Traceback" not in text:  # that of a worker, whose own defect this is
        return exits.MachineError(
            f"The runner gave the job up: {lost[1]}. What is done is kept: run the same command "
            "again to go on."
        )
    return error
