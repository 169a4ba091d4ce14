"""What a failed stage means for the user; runners pass errors on as text, each in its own way."""

import re

from tfrecords import exits

_TOLD = re.compile(r"^tfrecords\.exits\.(\w+): (.+)$", re.MULTILINE)
_STEP = re.compile(r" \[while running '.*", re.DOTALL)
_LOST = re.compile(r"failed in state \w+: (.*)")
_ERRORS = {
    error.__name__: error for error in (exits.UsageError, exits.DataError, exits.MachineError)
}


def explained(error: Exception) -> Exception | None:
    """Returns the error that the user reads, or None where the failure is a defect."""
    text = str(error)
    if isinstance(error, tuple(_ERRORS.values())):
        return type(error)(_STEP.sub("", text)) if _STEP.search(text) else error
    told = _TOLD.search(text)
    if told and told[1] in _ERRORS:
        return _ERRORS[told[1]](_STEP.sub("", told[2]))
    if isinstance(error, FileNotFoundError) and error.filename == "java":
        return exits.MachineError(
            "The runner needs Java 11 or 17, and there is no java on the PATH. "
            "Install it (Debian: apt install openjdk-17-jre-headless)."
        )
    lost = _LOST.search(text)
    if lost and "Traceback" not in text:  # that of a worker, whose own defect this is
        return exits.MachineError(
            f"The runner gave the job up: {lost[1]}. What is done is kept: run the same command "
            "again to go on."
        )
    return None
