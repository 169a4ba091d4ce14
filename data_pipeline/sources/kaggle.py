"""Fetches a source from Kaggle.

`kagglehub` does it: it goes on with a download that was cut, keeps what is there for the next
build, and takes credentials from the environment or the user's own file. They never pass through
here, and the texts of its errors are not repeated, because they may hold what was sent.
"""

import dataclasses
import errno
import pathlib
import types

from tfrecords import exits

SOURCE = "kaggle"  # of --source
_FULL = (errno.ENOSPC, errno.EDQUOT)
_REFUSED = (401, 403)  # of HTTP
_CREDENTIALS = (
    "Kaggle knows you by KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY, in the environment, "
    "or by ~/.kaggle/kaggle.json."
)


@dataclasses.dataclass(frozen=True)
class Remote:
    """A data set `owner/name` of Kaggle, of one version, or a competition, which has none."""

    handle: str
    version: int | None = None

    @property
    def name(self) -> str:
        """Its name without its owner's."""
        return self.handle.rpartition("/")[2]

    @property
    def url(self) -> str:
        """Its page."""
        if self.version is None:
            return f"https://www.kaggle.com/competitions/{self.handle}"
        return f"https://www.kaggle.com/datasets/{self.handle}/versions/{self.version}"


def fetch(remote: Remote, archive: pathlib.Path, command: str) -> pathlib.Path:
    """Downloads a source, or what is missing of it; returns its directory.

    Args:
      remote: what to fetch.
      archive: where a user may put it who downloads it otherwise.
      command: what that user types then.

    Raises:
      MachineError: kagglehub is not installed, there is no network, or Kaggle refuses.
    """
    by_hand = f"Or download it with a browser, put the archive to {archive}, and type:\n{command}"
    hub = _kagglehub(remote, by_hand)
    print(f"Fetching {remote.url}. What is there already is not fetched again.", flush=True)
    try:
        if remote.version is None:
            return pathlib.Path(hub.competition_download(remote.handle))
        return pathlib.Path(hub.dataset_download(f"{remote.handle}/versions/{remote.version}"))
    except Exception as error:
        # Whatever it is, it is not for the eyes of everybody, and neither is a traceback.
        if isinstance(error, OSError) and error.errno in _FULL:
            reason, remedy = "the disk is full", "Make room, or let KAGGLEHUB_CACHE name another."
        else:
            reason, remedy = _reason(error), _remedy(error, remote)
    raise exits.MachineError(
        f"{remote.url} cannot be fetched: {reason}. {remedy} The same command goes on where the "
        f"download stopped.\n{by_hand}"
    )


def _kagglehub(remote: Remote, by_hand: str) -> types.ModuleType:
    try:
        import kagglehub
    except ImportError as error:
        raise exits.MachineError(
            f"--source={SOURCE} fetches {remote.url}, and needs the package kagglehub for it "
            f"({error.name} is not installed). Install it: pip install -e '.[kaggle]'\n{by_hand}"
        ) from None
    return kagglehub


def _status(error: Exception) -> int | None:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _reason(error: Exception) -> str:
    status = _status(error)
    return f"{type(error).__name__}, HTTP status {status}" if status else type(error).__name__


def _remedy(error: Exception, remote: Remote) -> str:
    is_refused = _status(error) in _REFUSED or type(error).__name__ == "UnauthenticatedError"
    if not is_refused:
        return "Is there a network?"
    if remote.version is None:
        return f"{_CREDENTIALS} Accept the rules at {remote.url}/rules."
    return _CREDENTIALS
