"""Fetches Flink and Beam's job server from Maven Central: python -m launch.flink.fetch.

Each file is checked against its sha256 in jars.lock; those that are there and right are not fetched
again.
"""

import concurrent.futures
import hashlib
import http.client
import pathlib
import shutil
import urllib.error
import urllib.request
import zipfile

from tfrecords import exits

LOCK = pathlib.Path(__file__).with_name("jars.lock")
CENTRAL = "https://repo.maven.apache.org/maven2/"
DIRECTORY = pathlib.Path(".flink")  # ignored by git; relative as data/ and runs/ are
JARS = DIRECTORY / "jars"
JOB_SERVER = "job-server.jar"
JOB_SERVER_MAIN = "org.apache.beam.runners.flink.FlinkJobServerDriver"

# What Flink reaches into; Java 17 must be told.
OPENS = (
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.reflect",
    "java.base/java.net",
    "java.base/java.nio",
    "java.base/java.text",
    "java.base/java.time",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/java.util.concurrent.locks",
    "java.base/sun.nio.ch",
)

_DOWNLOADS = 8  # at a time
_TIMEOUT_SECONDS = 60
_MANIFEST_BYTES = 70  # of a line at most, and of what is left of it on the next


def pins() -> dict[str, str]:
    """Returns by path in Maven Central the sha256 of each jar."""
    lines = (line.split() for line in LOCK.read_text(encoding="utf-8").splitlines())
    return {path: sha256 for sha256, path in lines}


def missing(directory: pathlib.Path) -> dict[str, str]:
    """Returns the pins of the jars that `directory` does not hold as they should be."""
    return {
        path: sha256
        for path, sha256 in pins().items()
        if _sha256(directory / pathlib.PurePosixPath(path).name) != sha256
    }


def fetch(directory: pathlib.Path) -> None:
    """Completes the jars in `directory`.

    Raises:
      MachineError: a file cannot be fetched, or is not what it was when it was pinned.
    """
    directory.mkdir(parents=True, exist_ok=True)
    wanted = missing(directory)
    print(f"{len(pins()) - len(wanted)} of {len(pins())} jars are there.", flush=True)
    with concurrent.futures.ThreadPoolExecutor(_DOWNLOADS) as threads:
        jobs = [
            threads.submit(_fetch_one, path, sha256, directory) for path, sha256 in wanted.items()
        ]
        try:
            for number, job in enumerate(concurrent.futures.as_completed(jobs), 1):
                job.result()
                if number % 20 == 0 or number == len(jobs):
                    print(f"Fetched {number} of {len(jobs)}.", flush=True)
        finally:
            threads.shutdown(cancel_futures=True)
    write_job_server(directory)


def write_job_server(directory: pathlib.Path) -> None:
    """Writes a jar that starts Beam's job server from the jars beside it."""
    names = sorted(pathlib.PurePosixPath(path).name for path in pins())
    fields = {
        "Manifest-Version": "1.0",
        "Main-Class": JOB_SERVER_MAIN,
        "Class-Path": " ".join(names),
        "Add-Opens": " ".join(OPENS),
    }
    text = "".join(f"{_folded(f'{name}: {value}')}\r\n" for name, value in fields.items())
    with zipfile.ZipFile(directory / JOB_SERVER, "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", text + "\r\n")


def _folded(line: str) -> str:
    parts = [line[at : at + _MANIFEST_BYTES] for at in range(0, len(line), _MANIFEST_BYTES)]
    return "\r\n ".join(parts)


def _fetch_one(path: str, sha256: str, directory: pathlib.Path) -> None:
    final = directory / pathlib.PurePosixPath(path).name
    part = final.with_suffix(".part")
    try:
        with (
            urllib.request.urlopen(  # noqa: S310 - CENTRAL is https
                CENTRAL + path, timeout=_TIMEOUT_SECONDS
            ) as response,
            part.open("wb") as file,
        ):
            shutil.copyfileobj(response, file)
    except (urllib.error.URLError, TimeoutError, http.client.HTTPException) as error:
        raise exits.MachineError(
            f"{CENTRAL}{path} cannot be fetched: {error}. Run the same command again to go on."
        ) from error
    found = _sha256(part)
    if found != sha256:
        part.unlink()
        raise exits.MachineError(
            f"{CENTRAL}{path} is not the file that {LOCK.name} names: its sha256 is {found} and "
            f"should be {sha256}. Nothing of it is kept."
        )
    part.replace(final)


def _sha256(path: pathlib.Path) -> str | None:
    if not path.exists():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    exits.run(lambda: fetch(JARS))
